"""Counts the values that a column cannot hold, per stream, and warns about the first ones."""

import logging
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from invoiced_api.redact import hide_card_numbers
from tap_invoiced.exceptions import BadValueError

LOGGER = logging.getLogger(__name__)

# Warnings per field of a stream; the values after that are only counted.
MAX_WARNINGS_PER_FIELD = 5
# Characters of a value that a warning quotes.
MAX_SHOWN_CHARACTERS = 60


@dataclass(slots=True)
class BadValues:
    """The values of one stream that were not emitted as Invoiced sent them.

    The log's filter hides secrets and card numbers in the warnings, as in all lines.

    Attributes:
        stream: its name.
        stop: whether the first one ends the stream (the setting `on_bad_value`: "stop").
        counts: how many there were, by field.

    Example:
        >>> bad_values = BadValues("invoices")
        >>> bad_values.add(46225, "items[].amount", "--5", "a number")
        >>> bad_values.total
        1
    """

    stream: str
    stop: bool = False
    counts: Counter[str] = field(default_factory=Counter)  # by field

    @property
    def total(self) -> int:
        """How many values were replaced."""
        return self.counts.total()

    def add(
        self, key: object, path: str, value: Any, expected: str, replacement: str = "null"
    ) -> None:
        """Count a value, and log it while its field has few.

        Args:
            key: the `id` of the row.
            path: the field, such as `items[].amount`.
            value: what Invoiced sent.
            expected: what the column holds, such as "a date-time".
            replacement: what is emitted in its place.

        Raises:
            BadValueError: if `stop` is set.
        """
        message = f"{self.stream} {key}: field `{path}` holds {shown(value)}, not {expected}"
        if self.stop:
            raise BadValueError(
                f"{message}. Correct it at Invoiced, unselect the field in the catalog, or set "
                '`on_bad_value` to "null".'
            )
        self.counts[path] += 1
        count = self.counts[path]
        if count <= MAX_WARNINGS_PER_FIELD:
            LOGGER.warning("%s; emitted as %s", message, replacement)
        if count == MAX_WARNINGS_PER_FIELD:
            LOGGER.warning("%s: further values of `%s` are only counted", self.stream, path)


def shown(value: Any) -> str:
    """The start of a value as JSON, for a message."""
    try:
        text = orjson.dumps(value, default=repr).decode()
    except (TypeError, ValueError):  # a lone surrogate, an integer beyond 64 bits, many levels
        text = _represented(value)
    # Before it is cut: the log's filter does not recognise a part of a card number.
    text = hide_card_numbers(text)
    if len(text) > MAX_SHOWN_CHARACTERS:
        text = f"{text[: MAX_SHOWN_CHARACTERS - 3]}..."
    return text


def _represented(value: Any) -> str:
    try:
        return repr(value)
    except RecursionError:
        return "a value of too many levels"
