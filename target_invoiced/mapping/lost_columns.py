"""Columns that hold a list of the object in a form that would not be sent. Pure."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from invoiced_api.bodies import Body, ListOf, RefList
from target_invoiced.exceptions import InvalidRecordError

# The lists without which an object is worth nothing.
ESSENTIAL = ("items", "installments")
# What other systems call them.
OTHER_NAMES = {"items": ("line_items", "lineitems", "lines")}


@dataclass(frozen=True, slots=True)
class LostColumns:
    """The lists of an object that must not be lost, and the columns that look like each.

    Attributes:
        patterns: of the names of such columns, by list.
        columns: of the SCHEMA that match, by list.
        exclude: attributes that are left out on purpose.
    """

    patterns: Mapping[str, re.Pattern[str]]
    columns: Mapping[str, tuple[str, ...]]
    exclude: Collection[str]

    def refuse(self, record: Mapping[str, Any], body: Mapping[str, Any]) -> None:
        """Raise InvalidRecordError if the body lacks a list, and the record has its columns.

        An optional list may be empty: its columns count only if they hold a value.
        """
        for name, pattern in self.patterns.items():
            if body.get(name):
                continue
            held = [
                column
                for column, value in record.items()
                if value not in (None, "") and column != name and pattern.fullmatch(column)
            ]
            if name in ESSENTIAL:
                held += self.columns[name]
            held = [column for column in held if column not in self.exclude]
            if held:
                raise InvalidRecordError(
                    f"`{held[0]}` looks like a part of `{name}`, which would not be sent. Send "
                    f"`{name}` as a list of objects, or name the column in `exclude` of the stream"
                )


def lost_columns(create: Body, columns: Collection[str], exclude: Collection[str]) -> LostColumns:
    """What to look for in the records of a stream with these columns."""
    patterns = {
        name: _pattern(name) for name, kind in create.items() if isinstance(kind, (ListOf, RefList))
    }
    like = {
        name: tuple(one for one in columns if one != name and pattern.fullmatch(one))
        for name, pattern in patterns.items()
    }
    return LostColumns(patterns, like, frozenset(exclude))


def _pattern(name: str) -> re.Pattern[str]:
    words = "|".join((name, *OTHER_NAMES.get(name, ())))
    return re.compile(rf"(?:{words})(?:[_.\[]+\d+.*)?", re.IGNORECASE)
