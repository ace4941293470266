"""A document that lost its lines in another system is not issued with a total of 0."""

import pytest

from invoiced_api.resources import BY_NAME
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.endpoints import EndpointMapper
from target_invoiced.stream_settings import EndpointStream, Ids

FLATTENED = ["items__0__unit_cost", "items_0_name", "items.0.name", "items[0].name", "Items__12__a"]
RENAMED = ["ITEMS", "Items", "line_items", "LINE_ITEMS", "lines", "lines__0__price"]


def plan(stream, columns, known=None, exclude=(), **record):
    to = EndpointStream(resource=BY_NAME[stream], ids=Ids.EXTERNAL, exclude=frozenset(exclude))
    mapper = EndpointMapper(to, frozenset(), frozenset(), frozenset(), tuple(columns))
    return mapper.operation({"customer": "c", **record}, known)


@pytest.mark.parametrize("known", [None, 5])
@pytest.mark.parametrize("stream", ["invoices", "estimates", "credit_notes"])
@pytest.mark.parametrize("column", [*FLATTENED, *RENAMED])
def test_a_document_without_lines_is_refused_if_its_schema_has_columns_like_them(
    stream, column, known
):
    said = f"`{column}` looks like a part of `items`"
    with pytest.raises(InvalidRecordError) as caught:
        plan(stream, [column, "number"], known=known, id="x")
    assert str(caught.value).startswith(said)
    with pytest.raises(InvalidRecordError):
        plan(stream, [], known=known, id="x", items=[], **{column: 5})


@pytest.mark.parametrize("column", ["items__0__unit_cost", "ITEMS"])
def test_it_is_written_with_lines_or_if_the_column_is_excluded(column):
    assert plan("invoices", [column], items=[{"unit_cost": 5}])
    assert plan("invoices", [column], exclude=[column])


@pytest.mark.parametrize("column", ["items", "item_count", "itemsize", "outlines", "online"])
def test_other_columns_are_no_lines(column):
    assert plan("invoices", [column])
    assert plan("customers", ["ITEMS", "lines"], name="A")


def test_parts_that_are_not_essential_count_where_they_hold_a_value():
    columns = ["taxes__0__amount", "items"]
    line = {"items": [{"unit_cost": 5}]}
    assert plan("invoices", columns, taxes__0__amount=None, **line)
    with pytest.raises(InvalidRecordError, match="`taxes__0__amount` looks like a part of `taxes`"):
        plan("invoices", columns, taxes__0__amount=3, **line)
    with pytest.raises(InvalidRecordError, match="`APPLIED_TO` looks like a part of `applied_to`"):
        plan("payments", [], APPLIED_TO=[{"amount": 1}])


def test_installments_of_a_payment_plan_are_not_lost():
    to = EndpointStream(resource=BY_NAME["payment_plans"], ids=Ids.INVOICED)
    mapper = EndpointMapper(to, frozenset(), frozenset(), frozenset(), ("installments__0__amount",))
    with pytest.raises(InvalidRecordError, match="looks like a part of `installments`"):
        mapper.operation({"invoice": 5}, None)


def test_no_invoice_is_issued(run_target, account, server, singer):
    account.add("customers", name="A", number="C-1")
    schema = singer.schema("invoices", items__0__unit_cost={"type": "number"})
    record = singer.record(
        "invoices", id="x", customer={"number": "C-1"}, items__0__unit_cost=120.5
    )
    run = run_target(server, [schema, record], ids="external")
    assert run.exit_code == 1
    assert "`items__0__unit_cost` looks like a part of `items`" in run.complaint
    assert not account.objects("invoices")
