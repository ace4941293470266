"""Nulls: databases send every unset column, and Invoiced refuses to clear some attributes."""

import pytest

from invoiced_api.resources import BY_NAME, ENDPOINTS
from target_invoiced.mapping.endpoints import EndpointMapper
from target_invoiced.stream_settings import CLEAR_NONE, EndpointStream, Ids, Nulls

NONE = pytest.mark.parametrize("none", [None, ""], ids=["null", "empty-string"])


def updated(stream, record, **settings):
    to = EndpointStream(resource=BY_NAME[stream], **settings)
    mapper = EndpointMapper(to, frozenset(), frozenset())
    return mapper.operation({"id": 5, "customer": 1, **record}, 5).body


@NONE
@pytest.mark.parametrize("stream", [name for name, calls in ENDPOINTS.items() if calls.update])
def test_attributes_that_invoiced_refuses_to_clear_are_left_out(stream, none):
    names = ENDPOINTS[stream].update
    body = updated(stream, dict.fromkeys(names, none) | {"customer": 1})
    assert not body.keys() & {"name", "number", "currency", "date", "items"}
    assert not body.keys() & ENDPOINTS[stream].required - {"customer"}
    assert not body.keys() & {"draft", "closed", "taxable", "paused", "autopay"}


@NONE
def test_other_nulls_clear_their_attribute(none):
    record = {"name": "A", "email": none, "credit_limit": none, "metadata": none, "owner": none}
    assert updated("customers", record) == {**record, "name": "A"}


@NONE
def test_nulls_may_be_ignored_or_clear_some_attributes_only(none):
    record = {"name": "A", "email": none, "phone": none}
    assert updated("customers", record, nulls=CLEAR_NONE) == {"name": "A"}
    some = Nulls(frozenset({"phone"}))
    assert updated("customers", record, nulls=some) == {"name": "A", "email": none}


def test_a_change_of_one_column_among_nulls_is_written(run_target, account, server, singer):
    """`number: null` was refused in every run."""
    columns = dict.fromkeys(BY_NAME["customers"].writes.update)
    for name in ("A", "B"):
        record = {**columns, "id": "x", "name": name}
        run = run_target(server, singer.stream("customers", record), ids="external")
        assert run.exit_code == 0, run.stderr
    (row,) = account.objects("customers")
    assert row["name"] == "B"
    assert row["number"]


@pytest.mark.parametrize(
    ("nulls", "email"), [("clear", None), ("ignore", "a@x.example"), (["email"], "a@x.example")]
)
def test_the_setting_of_a_stream(run_target, account, server, singer, nulls, email):
    customer = account.add("customers", name="A", email="a@x.example", phone="1")
    record = {"id": customer["id"], "email": None, "phone": None, "notes": "x"}
    streams = {"customers": {"nulls": nulls}}
    run = run_target(server, singer.stream("customers", record), streams=streams)
    assert run.exit_code == 0
    (row,) = account.objects("customers")
    assert (row["email"], row["notes"]) == (email, "x")
    assert (row["phone"] is None) == (nulls != "ignore")


@pytest.mark.parametrize("nulls", ["keep", 5, True, [5], None, "email"])
def test_a_wrong_setting_is_one_line(run_target, server, nulls):
    run = run_target(server, b"", streams={"customers": {"nulls": nulls}})
    assert run.complaint.startswith("setting `streams`: `customers` needs ")
    assert "`nulls`" in run.complaint
    assert run.exit_code == 1


def test_nulls_in_parts_are_sent_as_before():
    assert updated("invoices", {"items": [{"id": 8, "name": None}]}, ids=Ids.INVOICED) == {
        "items": [{"id": 8, "name": None}]
    }
