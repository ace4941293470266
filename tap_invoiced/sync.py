"""The conductor: streams -> changes -> records -> messages, and the state that may be told."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from invoiced_api.ahead import ReadAhead
from invoiced_api.client import Client
from invoiced_api.console import Stopped
from invoiced_api.failures import Forbidden, InvoicedError
from invoiced_api.reading import Row
from invoiced_api.streams import Reading, reading_of
from invoiced_api.timestamps import to_rfc_3339
from tap_invoiced.bookmarks import State, bookmark, finished, under_way, with_bookmark
from tap_invoiced.messages import Messages, record_lines
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
        """Reads the streams one after the other, fetching ahead; True if each could be read.

        A run that fails or is stopped writes the last true state before it raises.
        """
        readings = [(stream, self._reading(stream)) for stream in streams]
        connections = self.settings.connection.max_connections
        complete = True
        try:
            with ReadAhead(self.client, connections, [one for _, one in readings]) as ahead:
                for stream, reading in readings:
                    complete &= self._readable(stream, reading, ahead)
                    self._write_state()
        except (InvoicedError, Stopped):
            self._write_state()
            raise
        self.state = finished(self.state)
        self._write_state()
        return complete

    def _reading(self, stream: Stream) -> Reading:
        resource = stream.resource
        since = bookmark(self.state, stream.name, resource.replication_key)
        shape = Shaper(stream.name, stream.schema, stream.whole)

        def make(rows: list[Row]) -> bytes:
            lines = record_lines(stream.name, map(shape, rows), to_rfc_3339(int(time.time())))
            for name in shape.new_unknown_fields():
                LOGGER.warning("%s: field `%s` is not in the schema: dropped", stream.name, name)
            return lines

        first = self.settings.start_date if since is None else since
        return reading_of(resource, self.settings.page_size, first, make)

    def _readable(self, stream: Stream, reading: Reading, ahead: ReadAhead) -> bool:
        """Reads a stream, unless the key may not: an error only if it could before."""
        try:
            self._read(stream, reading, ahead)
        except Forbidden as refusal:
            if bookmark(self.state, stream.name, stream.resource.replication_key) is None:
                LOGGER.warning("%s: skipped, %s", stream.name, refusal)
                return True
            LOGGER.error("%s: could be read before, now: %s", stream.name, refusal)
            return False
        return True

    def _read(self, stream: Stream, reading: Reading, ahead: ReadAhead) -> None:
        began = self.clock()
        self.state = under_way(self.state, stream.name)
        key, replication_key = list(stream.resource.key), stream.resource.replication_key
        records = 0
        for block in ahead.blocks(reading):
            if not records:
                self.messages.schema(stream.name, stream.schema, key, replication_key)
            self.messages.block(block.content)
            records += block.rows
            self._records_since_state += block.rows
            self._advance(stream, min(block.newest, self._horizon(reading)))
        if not records:
            self.messages.schema(stream.name, stream.schema, key, replication_key)
        self._advance(stream, self._horizon(reading))
        report = StreamReport(
            stream.name, records, reading.requests, reading.retries, self.clock() - began
        )
        self.reports.append(report)
        metrics(report)

    def _horizon(self, reading: Reading) -> int:
        """A change may be committed this late after its stamp: no bookmark goes beyond."""
        return reading.clock - self.settings.lookback_seconds

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
