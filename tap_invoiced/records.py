"""From the objects of one stream to RECORD lines."""

import logging
import time
from itertools import groupby
from typing import Any

from invoiced_api.definitions import ReadStrategy
from invoiced_api.reading.pages import Row
from invoiced_api.timestamps import to_rfc_3339
from tap_invoiced.bad_values import BadValues
from tap_invoiced.columns import ColumnKind, row_column
from tap_invoiced.deletions import COLUMN, COLUMN_SCHEMA
from tap_invoiced.fast_decode import Loss, TypedDecoder
from tap_invoiced.messages import record_lines
from tap_invoiced.row_identity import has_id, restored
from tap_invoiced.selection import SelectedStream
from tap_invoiced.transform import Transformer
from tap_invoiced.verification import StreamTotals

LOGGER = logging.getLogger(__name__)


class Records:
    """Makes the lines of one stream.

    Attributes:
        schema: what the records keep to.
        parse: makes rows of the body of a page.
        identified: the same of objects that came in another way.
        bad_values: the values that are not emitted as they were sent.
        without_id: how many rows had no id, and so are not emitted.
    """

    def __init__(
        self,
        stream: SelectedStream,
        *,
        with_deletions: bool,
        totals: StreamTotals | None,
        bad_values: BadValues | None = None,
    ) -> None:
        self._name = stream.name
        self._message_name = stream.message_name
        self.bad_values = bad_values or BadValues(stream.name)
        self._totals = totals
        self.without_id = 0
        self.schema, full_schema = stream.schema, stream.full_schema
        if with_deletions and stream.resource.deleted_by:
            self.schema = _with_deletion(self.schema)
            full_schema = _with_deletion(full_schema)
        row = row_column(self.schema, _with_own_id(full_schema))
        self._reports_unknown = row.reports_unknown
        # Only these lists are asked for rows by their last update; each row then shows it.
        self._dated = stream.resource.strategy is ReadStrategy.INCREMENTAL
        self._transform = Transformer(row, self.bad_values)
        parent = stream.resource.parent
        self._pages = TypedDecoder(
            row,
            stream.resource.replication_key,
            self._report_loss,
            without_id=bool(parent and parent.singleton),
        )
        self.parse, self.identified = self._pages.parse, self._pages.identified

    def lines(self, rows: list[Row]) -> bytes:
        """A RECORD line per row. The rows are changed in place.

        Raises:
            BadValueError: if a value is bad and `on_bad_value` is "stop".
        """
        if dict in map(type, rows):
            rows = self._with_id(rows)
        if self._totals:
            self._totals.take(rows)
        for kind, same in groupby(rows, type):
            if kind is dict:
                self._transform_slowly(list(same))
            else:
                self._pages.convert_each[kind](same)
        return record_lines(self._message_name, rows, to_rfc_3339(int(time.time())))

    def name_missing_ids(self) -> None:
        """Log how many rows were not emitted, if any: without an id, no target could keep them."""
        if self.without_id:
            LOGGER.warning(
                "%s: rows without a usable `id` that were not emitted: %d. The stream keeps its "
                "bookmark, so the next run reads them again. Report them to Invoiced",
                self._name,
                self.without_id,
            )

    def _report_loss(self, key: Any, loss: Loss) -> None:
        path, value, emitted = loss
        self.bad_values.add(key, path, value, ColumnKind.FREE_FORM.value, emitted)

    def _with_id(self, rows: list[Any]) -> list[Any]:
        """The rows that can be keyed; the others are reported."""
        others = [row for row in rows if not has_id(row)]
        for row in restored(others):
            key = row["id"]
            self.bad_values.add(key, "id", key, "the id of one object only", "it was sent")
        kept = [row for row in rows if has_id(row)]
        for row in others:
            if not has_id(row):
                key = row["id"].sent
                self.bad_values.add("(no id)", "id", key, "an id", "no record")
        self.without_id += len(rows) - len(kept)
        return kept

    def _transform_slowly(self, rows: list[Any]) -> None:
        for row in rows if self._dated else ():
            if row.get("updated_at", "") is None:
                self.bad_values.add(row["id"], "updated_at", None, ColumnKind.DATE_TIME.value)
        self._transform(rows)
        unknown = self._transform.new_unknown_fields()
        for name in unknown if self._reports_unknown else ():
            LOGGER.warning(
                "%s: field `%s` is not in the schema and is dropped. Set `extra_columns` to "
                "keep it.",
                self._name,
                name,
            )
        self._pages.accept(unknown)


def _with_deletion(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "properties": {**schema["properties"], COLUMN: COLUMN_SCHEMA}}


def _with_own_id(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the id by which the readers know a row, for objects that have none."""
    return {**schema, "properties": {"id": {"type": "integer"}, **schema["properties"]}}
