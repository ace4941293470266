"""Values that a column cannot hold are counted, and the first of each field are named."""

import logging

import pytest

from tap_invoiced.bad_values import BadValues
from tap_invoiced.exceptions import BadValueError


def test_five_values_of_a_field_are_named_and_all_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bad_values = BadValues("invoices")
    with caplog.at_level(logging.WARNING):
        for key in range(8):
            bad_values.add(key, "date", "0000-00-00", "a date-time")
        bad_values.add(9, "items[].amount", "--5", "a number")
    assert bad_values.total == 9
    assert bad_values.counts == {"date": 8, "items[].amount": 1}
    messages = [record.getMessage() for record in caplog.records]
    assert messages[0] == (
        'invoices 0: field `date` holds "0000-00-00", not a date-time; emitted as null'
    )
    assert messages[5] == "invoices: further values of `date` are only counted"
    assert messages[6].startswith("invoices 9: field `items[].amount` holds")
    assert len(messages) == 7


def test_with_on_bad_value_stop_the_first_one_is_an_error() -> None:
    with pytest.raises(BadValueError, match=r"^invoices 7: field `paid` holds 12, not true or"):
        BadValues("invoices", stop=True).add(7, "paid", 12, "true or false")


@pytest.mark.parametrize(
    "value",
    ["cut \ud83d", 10**30, float("nan"), {"a": object()}, ["x"] * 500, b"\xff"],
    ids=["lone-surrogate", "beyond-64-bits", "nan", "no-json", "long", "bytes"],
)
def test_any_value_can_be_shown_in_a_short_line(
    value: object, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        BadValues("invoices").add(7, "notes", value, "a string")
    (record,) = caplog.records
    assert len(record.getMessage()) < 140


def test_no_part_of_a_card_number_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        BadValues("invoices").add(7, "date", f"{'x' * 45} 4111 1111 1111 1111", "a date-time")
    (record,) = caplog.records
    assert "4111" not in record.getMessage()
