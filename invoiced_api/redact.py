"""Hides secrets and card numbers in everything that is printed."""

import base64
import logging
import re
from collections.abc import Iterable, Iterator

HIDDEN = "[hidden]"

# Digits in groups divided by single spaces or dashes, as card numbers are written.
DIGIT_RUN = re.compile(r"(?<!\d)\d+(?:[ -]\d+)*(?!\d)")
NETWORKS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|(?:5[1-5]\d{2}|222[1-9]|22[3-9]\d|2[3-6]\d{2}|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[68]\d)\d{11,16}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12,15}"  # JCB
    r"|6(?:011|5\d{2}|4[4-9]\d)\d{12,15}"  # Discover
    r"|62\d{14,17}"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
)
SHORTEST, LONGEST = 12, 19
# Nearly every text shows at once that it has not as many digits as that.
ENOUGH_DIGITS = re.compile(rf"\d(?:[ -]?\d){{{SHORTEST - 1}}}")


def has_card_number(text: str) -> bool:
    """Whether the text holds a full card number: prefix, length and checksum fit a network."""
    return next(_card_spans(text), None) is not None


def hide_card_numbers(text: str) -> str:
    """The text with `[hidden]` in place of each full card number."""
    for start, end in reversed(list(_card_spans(text))):
        text = text[:start] + HIDDEN + text[end:]
    return text


def _card_spans(text: str) -> Iterator[tuple[int, int]]:
    """Where card numbers stand, each as (start, end), not overlapping, in order.

    Any neighbouring groups of a run may form the number, since a date or code may follow it.
    """
    if not ENOUGH_DIGITS.search(text):
        return
    for run in DIGIT_RUN.finditer(text):
        groups = list(re.finditer(r"\d+", run.group()))
        first = 0
        while first < len(groups):
            last = _card_from(groups, first)
            if last is not None:
                yield run.start() + groups[first].start(), run.start() + groups[last].end()
                first = last
            first += 1


def _card_from(groups: list[re.Match[str]], first: int) -> int | None:
    digits = ""
    found = None
    for last in range(first, len(groups)):
        digits += groups[last].group()
        if len(digits) > LONGEST:
            break
        if len(digits) >= SHORTEST and NETWORKS.fullmatch(digits) and _luhn(digits):
            found = last
    return found


def _luhn(digits: str) -> bool:
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


class Redaction(logging.Filter):
    """A filter for log handlers that hides secrets and card numbers in messages and tracebacks.

    Args:
        secrets: values to hide, also in the form that HTTP Basic encodes; None and empty are
            ignored.
    """

    def __init__(self, secrets: Iterable[str | None]) -> None:
        super().__init__()
        known = [secret for secret in secrets if secret]
        basic = [base64.b64encode(f"{secret}:".encode()).decode() for secret in known]
        self._secrets = sorted(known + basic, key=len, reverse=True)

    def clean(self, text: str) -> str:
        """The text with `[hidden]` in place of secrets and card numbers."""
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return hide_card_numbers(text)

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; it is always logged."""
        record.msg, record.args = self.clean(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self.clean(record.exc_text)
        return True
