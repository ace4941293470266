"""Compares what was read of a stream with what the server counts.

Keeps an entry per object in memory, so only where the setting `verify` asks for it.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from invoiced_api.definitions import Resource
from invoiced_api.reading.pages import Row
from tap_invoiced.columns import ColumnKind
from tap_invoiced.conversion import scalar_rule
from tap_invoiced.exceptions import ConversionError


@dataclass(slots=True)
class StreamTotals:
    """The latest version of each object of a stream that was read: its id and its amounts.

    Attributes:
        resource: of the stream.
    """

    resource: Resource
    _money: dict[Any, tuple[Any, ...]] = field(default_factory=dict)

    def take(self, rows: Iterable[Row]) -> None:
        """Add rows; a later version of an object replaces an earlier one."""
        columns = ("currency", *self.resource.money)
        for row in rows:
            self._money[row["id"]] = tuple(row.get(name) for name in columns)

    @property
    def objects(self) -> int:
        """How many objects were read."""
        return len(self._money)

    def unseen(self, keys: Iterable[Any]) -> int:
        """How many of the ids were not read."""
        return len(set(keys) - self._money.keys())

    @property
    def range(self) -> str:
        """The least and the greatest id: `46225 to 48883`."""
        return f"{min(self._money)} to {max(self._money)}" if self._money else "none"

    def digest(self) -> str:
        """A digest of the ids, whatever order they came in."""
        ids = ",".join(map(str, sorted(self._money)))
        return hashlib.sha256(ids.encode()).hexdigest()[:16]

    def sums(self) -> Mapping[str, Decimal]:
        """The exact sum of each column of amounts, per currency: `{"eur total": …}`."""
        sums: dict[str, Decimal] = {}
        for currency, *amounts in self._money.values():
            for name, amount in zip(self.resource.money, amounts, strict=True):
                if (number := _amount(amount)) is not None:
                    key = f"{currency} {name}" if type(currency) is str and currency else name
                    sums[key] = sums.get(key, Decimal()) + number
        return dict(sorted(sums.items()))

    def report(self) -> str:
        """Count, range, digest and sums in one line."""
        sums = "".join(f", {name} {amount:f}" for name, amount in self.sums().items())
        return f"{self.objects} objects, digest of ids {self.digest()}{sums}"


def _amount(value: Any) -> Decimal | None:
    """The number that a value means; None if it means none, which the stream's warnings show."""
    try:
        return Decimal(str(scalar_rule(ColumnKind.NUMBER, type(value))(value)))
    except ConversionError:
        return None


def missing(read: int, counted: int, changed_since: int) -> int:
    """How many objects were not read, at least.

    Objects that were deleted in the meantime were read and are no longer counted, so fewer may be
    counted than were read.

    Args:
        read: how many objects were read.
        counted: how many the server counts now, over the same time.
        changed_since: how many of those were not read because they only came in later.
    """
    return max(0, counted - changed_since - read)
