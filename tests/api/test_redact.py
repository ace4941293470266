"""Secrets and full card numbers survive nowhere in what is logged.

No full card number is written down here: each is a prefix, filler and its check digit.
"""

import base64
import io
import logging
import re

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from invoiced_api.redact import HIDDEN, Redaction, has_card_number, hide_card_numbers

SECRET = "sk-0123-very-secret"
# prefix, length
KINDS = [
    pytest.param("4", 13, id="visa-13"),
    pytest.param("4", 16, id="visa-16"),
    pytest.param("4", 19, id="visa-19"),
    pytest.param("51", 16, id="mastercard"),
    pytest.param("2221", 16, id="mastercard-2"),
    pytest.param("2720", 16, id="mastercard-2-last"),
    pytest.param("34", 15, id="american-express"),
    pytest.param("37", 15, id="american-express-37"),
    pytest.param("36", 14, id="diners"),
    pytest.param("3528", 16, id="jcb"),
    pytest.param("6011", 16, id="discover"),
    pytest.param("62", 19, id="unionpay"),
    pytest.param("6759", 12, id="maestro"),
]


def check_digit(digits: str) -> str:
    """The digit that makes the Luhn sum of digits + check a multiple of ten."""
    total = 0
    for position, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if position % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def card(prefix: str, length: int, filler: str = "1234567890123456789") -> str:
    digits = (prefix + filler)[: length - 1]
    return digits + check_digit(digits)


@st.composite
def cards(draw: st.DrawFn) -> str:
    prefix, length = draw(st.sampled_from([kind.values for kind in KINDS]))
    return card(prefix, length, draw(st.text("0123456789", min_size=18, max_size=18)))


@st.composite
def written(draw: st.DrawFn) -> tuple[str, str]:
    """A card number's digits, and the same in groups with single spaces or dashes."""
    digits = draw(cards())
    cuts = sorted(draw(st.sets(st.integers(1, len(digits) - 1), max_size=6)))
    separator = draw(st.sampled_from([" ", "-"]))
    groups = [digits[a:b] for a, b in zip([0, *cuts], [*cuts, len(digits)], strict=True)]
    return digits, separator.join(groups)


def logged(*arguments, secrets=(SECRET,), **options) -> str:
    """What a handler with our filter prints for one message."""
    printed = io.StringIO()
    handler = logging.StreamHandler(printed)
    handler.addFilter(Redaction(secrets))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    logger.error(*arguments, **options)
    return printed.getvalue()


@pytest.mark.parametrize(("prefix", "length"), KINDS)
def test_every_networks_numbers_are_known(prefix, length):
    assert has_card_number(card(prefix, length))


@given(written(), st.text(), st.text())
def test_no_text_around_it_hides_a_card_number_from_us(number, before, after):
    digits, grouped = number
    assume(not before[-1:].isdecimal() and not after[:1].isdecimal())
    shown = hide_card_numbers(before + grouped + after)
    assert has_card_number(before + grouped + after)
    assert not has_card_number(shown)
    assert digits not in re.sub(r"[ -]", "", shown)


@given(written(), st.text("0123456789 -", max_size=30), st.text("0123456789 -", max_size=30))
def test_groups_of_digits_around_it_hide_nothing_either(number, before, after):
    """An expiry date or a security code often follows."""
    _, grouped = number
    shown = hide_card_numbers(f"{before} {grouped} {after}")
    assert grouped not in shown
    assert not has_card_number(shown)


def test_only_the_number_is_hidden_and_what_stands_around_it_stays():
    visa, diners = card("4", 16), card("36", 14)
    spaced = " ".join(visa[at : at + 4] for at in (0, 4, 8, 12))
    shown = hide_card_numbers(f"INV-0016: {spaced} 12/27, then {diners}-{visa}.")
    assert shown == f"INV-0016: {HIDDEN} 12/27, then {HIDDEN}-{HIDDEN}."


@given(written())
def test_a_message_its_arguments_and_its_traceback_show_no_card_number(number):
    _, grouped = number
    assert grouped not in logged(f"paid with {grouped}")
    assert grouped not in logged("paid with %s %r", grouped, {"card": grouped})
    try:
        raise ValueError(grouped)
    except ValueError as error:
        shown = logged("failed: %s", error, exc_info=True)
    assert "Traceback" in shown
    assert grouped not in shown


@pytest.mark.parametrize(
    "secret",
    [
        pytest.param(SECRET, id="itself"),
        pytest.param(base64.b64encode(f"{SECRET}:".encode()).decode(), id="as-http-basic-has-it"),
    ],
)
def test_a_message_its_arguments_and_its_traceback_show_no_secret(secret):
    assert logged(f"with {secret}.") == f"with {HIDDEN}.\n"
    assert (
        logged("with %s, %r", secret, {"key": secret}) == f"with {HIDDEN}, {{'key': '{HIDDEN}'}}\n"
    )
    assert logged("%(key)s", {"key": secret}) == f"{HIDDEN}\n"
    try:
        raise ValueError(f"Authorization: Basic {secret}")
    except ValueError:
        assert secret not in logged("failed", exc_info=True)


def test_a_secret_that_holds_another_is_hidden_whole():
    assert logged("abc-def and abc", secrets=("abc", "abc-def")) == f"{HIDDEN} and {HIDDEN}\n"


def test_an_absent_secret_hides_nothing():
    assert logged("plain words", secrets=(None, "")) == "plain words\n"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("updated_after=1769853600", id="unix-seconds"),
        pytest.param("1769853600000", id="unix-milliseconds"),
        pytest.param("INV-0016", id="invoice-number"),
        pytest.param("INV-2026-000123456", id="long-invoice-number"),
        pytest.param("+1 415-555-0100", id="phone-number"),
        pytest.param("+49 30 901820 4711", id="german-phone-number"),
        pytest.param("4000 items at 19.99", id="quantity"),
        pytest.param("2026-01-31T10:00:00Z", id="date-time"),
        pytest.param("last4 4242", id="last-four-digits"),
        pytest.param("PO 4711/0815", id="purchase-order"),
        pytest.param(card("4", 16)[:-1] + str((int(card("4", 16)[-1]) + 1) % 10), id="luhn-fails"),
        pytest.param(card("9", 16), id="no-networks-prefix"),
        pytest.param(card("4", 17), id="no-length-of-its-network"),
        pytest.param("7" + card("4", 16), id="inside-a-longer-run"),
    ],
)
def test_ordinary_numbers_stay(text):
    assert hide_card_numbers(text) == text


@given(st.integers(0, 99_999_999_999))
def test_numbers_of_up_to_eleven_digits_stay(number):
    assert not has_card_number(str(number))
