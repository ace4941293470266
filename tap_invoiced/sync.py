"""The conductor: streams -> changes -> records -> messages, and the state that may be told."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from invoiced_api.client import Client
from invoiced_api.console import Stopped
from invoiced_api.failures import Forbidden, InvoicedError
from invoiced_api.reading import Row, changes, listings
from invoiced_api.timestamps import to_rfc_3339
from tap_invoiced.bookmarks import State, bookmark, finished, with_bookmark
from tap_invoiced.messages import Messages
from tap_invoiced.progress import StreamReport, metrics
from tap_invoiced.selection import Stream
from tap_invoiced.settings import TapSettings
from tap_invoiced.shaping import Shaper

LOGGER = logging.getLogger(__name__)

# What a killed run may have to read again: this much work, or this many records.
STATE_EVERY_S = 10.0
STATE_EVERY_RECORDS = 500


@dataclass(slots=True)
class Sync:
    """One run. `state` is always one that may be written: true of what was emitted so far."""

    client: Client
    settings: TapSettings
    messages: Messages
    state: State
    clock: Callable[[], float] = time.monotonic
    reports: list[StreamReport] = field(default_factory=list)
    _state_written_at: float = 0.0
    _records_since_state: int = 0

    def run(self, streams: Iterable[Stream]) -> bool:
        """Reads the streams one after the other; True if each could be read.

        A run that fails or is stopped writes the last true state before it raises.
        """
        complete = True
        try:
            for stream in streams:
                complete &= self._readable(stream)
                self._write_state()
        except (InvoicedError, Stopped):
            self._write_state()
            raise
        self.state = finished(self.state)
        self._write_state()
        return complete

    def _readable(self, stream: Stream) -> bool:
        """Reads a stream, unless the key may not: an error only if it could before."""
        since = bookmark(self.state, stream.name, stream.resource.replication_key)
        try:
            self._read(stream, self.settings.start_date if since is None else since)
        except Forbidden as refusal:
            if since is None:
                LOGGER.warning("%s: skipped, %s", stream.name, refusal)
                return True
            LOGGER.error("%s: could be read before, now: %s", stream.name, refusal)
            return False
        return True

    def _read(self, stream: Stream, since: int) -> None:
        report = StreamReport.begun(stream.name, self.client, self.clock)
        lists = listings(self.client, stream.resource, self.settings.page_size)
        heads = [listing.head(since) for listing in lists]
        total = sum(head.total or 0 for head in heads)
        LOGGER.info("%s: %d updated since %s", stream.name, total, to_rfc_3339(since))
        # A change may be committed this much later than it is stamped: never a bookmark beyond.
        horizon = heads[0].clock - self.settings.lookback_seconds
        key, replication_key = list(stream.resource.key), stream.resource.replication_key
        self.messages.schema(stream.name, stream.schema, key, replication_key)
        shape = Shaper(stream.name, stream.schema, stream.whole)
        for rows in changes(lists, since, heads[0].clock):
            self._emit(stream, rows, shape)
            report.records += len(rows)
            if rows:
                self._advance(stream, min(rows[-1][replication_key], horizon))
        self._advance(stream, horizon)
        self.reports.append(report.ended(self.client, self.clock))
        metrics(self.reports[-1])

    def _emit(self, stream: Stream, rows: list[Row], shape: Shaper) -> None:
        extracted = to_rfc_3339(int(time.time()))
        for row in rows:
            self.messages.record(stream.name, shape(row), extracted)
        for name in shape.new_unknown_fields():
            LOGGER.warning("%s: field `%s` is not in the schema: dropped", stream.name, name)
        self._records_since_state += len(rows)

    def _advance(self, stream: Stream, second: int) -> None:
        self.state = with_bookmark(self.state, stream.name, stream.resource.replication_key, second)
        if (
            self._records_since_state >= STATE_EVERY_RECORDS
            or self.clock() - self._state_written_at >= STATE_EVERY_S
        ):
            self._write_state()

    def _write_state(self) -> None:
        self.messages.state(self.state)
        self._records_since_state = 0
        self._state_written_at = self.clock()
