"""Full card numbers are refused in a request, and hidden where a record is kept."""

import json

import pytest

from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.mapping.card_numbers import without_card_numbers
from tests.target.bodies import created, plan, refusal


def card_number():
    """A Visa number that passes every check, written down nowhere."""
    digits = "4" + "24" * 7
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    total = doubled + sum(int(digit) for digit in digits[-2::-2])
    return digits + str(-total % 10)


CARD = card_number()


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(CARD, id="plain"),
        pytest.param(int(CARD), id="number"),
        pytest.param(" ".join(CARD[at : at + 4] for at in (0, 4, 8, 12)), id="spaces"),
        pytest.param("-".join(CARD[at : at + 4] for at in (0, 4, 8, 12)), id="dashes"),
        pytest.param(f"paid with {CARD}, thanks", id="in-a-sentence"),
    ],
)
@pytest.mark.parametrize(
    ("place", "name"),
    [
        pytest.param(lambda value: {"notes": value}, "notes", id="attribute"),
        pytest.param(lambda value: {"metadata": {"card": value}}, "card", id="metadata"),
        pytest.param(lambda value: {"items": [{"name": value}]}, "name", id="line"),
        pytest.param(
            lambda value: {"items": json.dumps([{"name": value}])}, "name", id="line-in-a-string"
        ),
        pytest.param(lambda value: {"attachments": [value]}, "attachments", id="list"),
        pytest.param(
            lambda value: {"customer": {"number": str(value)}}, "customer", id="natural-key"
        ),
    ],
)
def test_a_full_card_number_is_refused_by_name_and_never_shown(shown, place, name):
    said = refusal("invoices", **place(shown))
    assert said.startswith(f"`{name}` looks like a full card number.")
    assert CARD[4:] not in said.replace(" ", "").replace("-", "")
    assert plan("invoices", place(shown), allow=[name])


def test_a_card_number_in_an_attribute_that_is_not_sent_is_no_matter():
    assert created("customers", name="A", unknown=CARD) == {"name": "A"}


def test_what_may_be_kept_in_a_file_shows_no_card_number():
    record = {"a": CARD, "b": [{"c": int(CARD), "d": f"x {CARD}"}], "e": 5, "f": None, "g": 0.1}
    kept = without_card_numbers(record, allowed=())
    assert CARD not in json.dumps(kept)
    assert (kept["e"], kept["f"], kept["g"]) == (5, None, 0.1)


ESCAPED = f"\\u{ord(CARD[0]):04x}{CARD[1:]}"
HIDING = [
    pytest.param(f'{{"card": "{ESCAPED}"}}', id="escaped-in-an-object"),
    pytest.param(f'["{ESCAPED}"]', id="escaped-in-a-list"),
    pytest.param(json.dumps({"a": f'{{"b": "{ESCAPED}"}}'}), id="a-string-in-a-string"),
    pytest.param(f'"{ESCAPED}"', id="an-escaped-string"),
    pytest.param(f" {CARD[0]}.{CARD[1:]}e15", id="float"),
    pytest.param(f"[{CARD}.0, {'9' * 30}]", id="float-beside-a-long-number"),
]


@pytest.mark.parametrize("hiding", HIDING)
def test_a_card_number_that_json_in_a_string_hides_is_kept_in_no_file(hiding):
    kept = without_card_numbers({"id": 1, "notes": hiding, "name": "A"})
    assert kept == {"id": 1, "notes": "[hidden]", "name": "A"}


@pytest.mark.parametrize("hiding", HIDING)
@pytest.mark.parametrize("name", ["notes", "attachments", "metadata"])
def test_a_card_number_that_json_in_a_string_hides_is_not_sent(hiding, name):
    """A record with a hidden value is rejected: parked, it would come back without it."""
    with pytest.raises(InvalidRecordError) as caught:
        plan("invoices", {name: hiding})
    assert CARD[1:] not in str(caught.value)


@pytest.mark.parametrize("text", ['{"a": 1}', "[1, 2", '"a"', "-", "4.5", "{", "\\u0034"])
def test_json_in_a_string_that_hides_nothing_is_kept_as_it_is(text):
    assert without_card_numbers({"notes": text}) == {"notes": text}


def test_what_is_allowed_to_look_like_a_card_number_is_kept():
    """A record refused for another reason would come back changed otherwise."""
    record = {"notes": CARD, "metadata": {"token": [int(CARD)]}, "name": CARD}
    kept = without_card_numbers(record, allowed=("notes", "token"))
    assert (kept["notes"], kept["metadata"]) == (CARD, {"token": [int(CARD)]})
    assert kept["name"] != CARD
