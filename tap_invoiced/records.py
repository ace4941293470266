"""Objects of one stream -> RECORD lines."""

import logging
import time
from itertools import groupby
from typing import Any

from invoiced_api.reading.pages import Row
from invoiced_api.timestamps import to_rfc_3339
from tap_invoiced.bad_values import BadValues
from tap_invoiced.deletions import COLUMN, COLUMN_SCHEMA
from tap_invoiced.messages import record_lines
from tap_invoiced.selection import Stream
from tap_invoiced.shaping import Transformer
from tap_invoiced.typed import TypedDecoder
from tap_invoiced.verification import StreamTotals

LOGGER = logging.getLogger(__name__)


class Records:
    """Makes the lines of one stream. `schema` is the one that they keep to."""

    def __init__(
        self,
        stream: Stream,
        *,
        with_deletions: bool,
        totals: StreamTotals | None,
        bad_values: BadValues | None = None,
    ) -> None:
        self._name = stream.name
        self.bad_values = bad_values or BadValues(stream.name)
        self._totals = totals
        self.schema, whole = stream.schema, stream.whole
        if with_deletions and stream.resource.deleted_by:
            self.schema, whole = _with_deletion(self.schema), _with_deletion(whole)
        self._shape = Transformer(stream.name, self.schema, whole)
        self._pages = TypedDecoder(self.schema, whole, stream.resource.replication_key)
        self.parse = self._pages.parse

    def lines(self, rows: list[Row]) -> bytes:
        """A RECORD per row, which is used up. Raises Misfit."""
        if self._totals:
            self._totals.take(rows)
        for kind, same in groupby(rows, type):
            if kind is dict:
                self._shape_exactly(list(same))
            else:
                self._pages.shape_each[kind](same)
        return record_lines(self._name, rows, to_rfc_3339(int(time.time())))

    def _shape_exactly(self, rows: list[Any]) -> None:
        self._shape(rows)
        unknown = self._shape.new_unknown_fields()
        for name in unknown:
            LOGGER.warning("%s: field `%s` is not in the schema: dropped", self._name, name)
        self._pages.drop(unknown)


def _with_deletion(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "properties": {**schema["properties"], COLUMN: COLUMN_SCHEMA}}
