"""The faults that the emulator can inject."""

import json
import time

import pytest
import requests

from invoiced_emulator import Faults
from invoiced_emulator.exceptions import FaultRuleError
from invoiced_emulator.http.faults import read


def customers(account):
    return len(account.objects("customers"))


@pytest.mark.parametrize(
    ("kind", "executed"),
    [
        pytest.param("drop_before", False, id="dropped-before"),
        pytest.param("drop_after", True, id="dropped-after"),
        pytest.param("half_body", True, id="half-a-body"),
    ],
)
def test_a_broken_connection_gives_no_answer(account, serve, kind, executed):
    api = serve(account, faults=Faults([{"kind": kind, "times": 1}]))
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        api.post("/customers", {"name": "B"})
    assert customers(account) == (2 if executed else 1)
    assert api.get("/customers").status_code == 200


def test_a_status_may_be_html_and_say_when_to_come_back(account, serve):
    rule = {"kind": "status", "status": 503, "html": True, "retry_after": 7, "times": 1}
    api = serve(account, faults=Faults([rule]))
    answer = api.post("/customers", {"name": "B"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    assert answer.headers["Content-Type"].startswith("text/html")
    assert customers(account) == 1


def test_garbage_is_a_200_that_is_not_json(account, serve):
    api = serve(account, faults=Faults([{"kind": "garbage"}]))
    answer = api.get("/customers")
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_redirect_leads_elsewhere(account, serve):
    api = serve(account, faults=Faults([{"kind": "redirect", "location": "http://a.example/"}]))
    answer = api.get("/customers")
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://a.example/")


def test_a_stalled_answer_comes_late(account, serve):
    api = serve(account, faults=Faults([{"kind": "stall", "seconds": 0.2, "times": 1}]))
    assert api.get("/customers").elapsed.total_seconds() >= 0.2


def test_a_slow_answer_is_of_a_request_that_was_carried_out_at_once(account, serve):
    api = serve(account, faults=Faults([{"kind": "slow", "seconds": 0.2, "times": 1}]))
    before = api.get("/customers")
    assert before.elapsed.total_seconds() >= 0.2
    assert len(before.json()) == customers(account)


def test_a_server_stops_while_an_answer_is_stalled(account, serve):
    api = serve(account, faults=Faults([{"kind": "stall", "seconds": 600}]))
    with pytest.raises(requests.ReadTimeout):
        api.session.get(f"{api.server.url}/customers", auth=("a-key-of-ours", ""), timeout=0.1)


def test_a_late_request_is_carried_out_when_nobody_waits_any_more(account, serve):
    api = serve(account, faults=Faults([{"kind": "late", "seconds": 0.2, "times": 1}]))
    answer = api.post("/customers", {"name": "B"})
    assert (answer.status_code, customers(account)) == (504, 1)
    arrived = time.monotonic()
    while customers(account) == 1:
        assert time.monotonic() < arrived + 10
        api.get("/customers")


def test_a_rule_is_narrowed_by_method_path_and_times(account, serve):
    rule = {"kind": "status", "status": 500, "methods": ["GET"], "path": "/customers", "times": 2}
    api = serve(account, faults=Faults([rule]))
    assert api.get("/invoices").status_code == 200
    assert api.post("/customers", {"name": "B"}).status_code == 201
    statuses = [api.get(path).status_code for path in ("/customers", "/customers/1", "/customers")]
    assert statuses == [500, 500, 200]


def test_a_share_is_reproducible():
    def hits(seed):
        faults = Faults([{"kind": "status", "share": 0.3}], seed=seed)
        return [faults.next("GET", "/") is not None for _ in range(1000)]

    assert hits(1) == hits(1) != hits(2)
    assert 250 < sum(hits(1)) < 350


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        pytest.param([{"kind": "flood"}], "kind", id="unknown-kind"),
        pytest.param([{}], "kind", id="no-kind"),
        pytest.param([{"kind": "status", "sahre": 1}], "sahre", id="misspelt"),
        pytest.param([{"kind": "status", "status": "503"}], "status", id="text-for-a-number"),
        pytest.param([{"kind": "status", "status": 99}], "99", id="no-such-status"),
        pytest.param([5], "rule 1", id="not-an-object"),
        pytest.param({}, "list", id="not-a-list"),
    ],
)
def test_rules_that_make_no_sense_are_refused(tmp_path, rules, says):
    file = tmp_path / "faults.json"
    file.write_text(json.dumps(rules))
    with pytest.raises(FaultRuleError, match=says):
        read(file)


def test_events_may_come_without_their_objects(account, serve):
    api = serve(account, faults=Faults([{"kind": "empty_objects", "times": 1}]))
    account.record("updated", "customers", account.get("customers", 1))
    assert api.get("/events").json()[0]["data"] == {"object": {}}
    assert api.get("/events/1").json()["data"]["object"]["id"] == 1
    assert api.get("/events").json()[0]["data"]["object"]["id"] == 1
    account.lost_events.add(1)
    assert api.get("/events/1").json()["data"]["object"] == {}
