"""The conductor: streams -> changes -> records -> messages, and the state that may be told."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from invoiced_api.client import Client
from invoiced_api.exceptions import ForbiddenError, InvoicedError
from invoiced_api.reading.pages import Row, listings
from invoiced_api.reading.prefetch import Prefetcher, ThreadTransport
from invoiced_api.reading.readers import RecountReader, StreamReader, reader_of
from invoiced_api.resources import ReadStrategy
from invoiced_api.timestamps import to_rfc_3339
from singer_command.signals import Interrupted
from tap_invoiced.bad_values import BadValues
from tap_invoiced.bookmarks import State, bookmark, finished, with_bookmark, with_current_stream
from tap_invoiced.deletions import EVENTS, Deletions
from tap_invoiced.messages import Messages
from tap_invoiced.progress import Progress, StreamReport, metrics
from tap_invoiced.records import Records
from tap_invoiced.selection import Stream
from tap_invoiced.settings import TapSettings
from tap_invoiced.verification import StreamTotals, missing

LOGGER = logging.getLogger(__name__)

# What a killed run may have to read again: this much work, or this many records.
STATE_EVERY_S = 10.0
STATE_EVERY_RECORDS = 500


@dataclass(frozen=True, slots=True)
class StreamSync:
    """One stream to be read in a run, from `since` on (UNIX seconds)."""

    stream: Stream
    since: int
    records: Records
    totals: StreamTotals | None
    reading: StreamReader

    @property
    def name(self) -> str:
        return self.stream.name

    @property
    def replication_key(self) -> str:
        return self.stream.resource.replication_key


@dataclass(slots=True)
class Sync:
    """One run. `state` is always one that may be written: true of what was emitted so far."""

    client: Client
    settings: TapSettings
    messages: Messages
    state: State
    progress: Progress
    clock: Callable[[], float] = time.monotonic
    reports: list[StreamReport] = field(default_factory=list)
    _state_written_at: float = 0.0
    _records_since_state: int = 0
    _with_schema: set[str] = field(default_factory=set)

    def run(self, streams: Sequence[Stream]) -> bool:
        """Reads the streams one after the other, fetching ahead; True if each could be read whole.

        A run that fails or is stopped writes the last true state before it raises.
        """
        syncs = [self._task(stream) for stream in streams]
        connections = self.settings.connection.max_connections
        try:
            transport = ThreadTransport(self.client)
            readers = [one.reading for one in syncs]
            with Prefetcher(transport, connections, readers) as ahead:
                deletions = self._deletions(streams, ahead)
                complete = deletions is not None or not self.settings.capture_deletes
                for one in syncs:
                    complete &= self._readable(one, ahead)
                    if deletions and one.name in self._with_schema:
                        self._emit_deletions(one, deletions)
                    self._write_state()
        except (InvoicedError, Interrupted):
            self._write_state()
            raise
        self.state = finished(self.state)
        self._write_state()
        return complete

    def _task(self, stream: Stream) -> StreamSync:
        resource = stream.resource
        mark = bookmark(self.state, stream.name, resource.replication_key)
        since = self.settings.start_date if mark is None else mark
        countable = self.settings.verify and resource.way is ReadStrategy.INCREMENTAL
        totals = StreamTotals(resource) if countable else None
        records = Records(
            stream,
            with_deletions=self.settings.capture_deletes,
            totals=totals,
            bad_values=BadValues(stream.name, stop=self.settings.stop_on_bad_value),
        )
        page_size = self.settings.page_size
        reading = reader_of(resource, page_size, since, records.lines, records.parse)
        return StreamSync(stream, since, records, totals, reading)

    def _readable(self, one: StreamSync, ahead: Prefetcher) -> bool:
        """Reads a stream, unless the key may not: an error only if it could before."""
        try:
            self._read(one, ahead)
            return self._verified(one, ahead)
        except ForbiddenError as refusal:
            if bookmark(self.state, one.name, one.replication_key) is None:
                LOGGER.warning("%s: skipped, %s", one.name, refusal)
                return True
            LOGGER.error("%s: could be read before, now: %s", one.name, refusal)
            return False

    def _read(self, one: StreamSync, ahead: Prefetcher) -> None:
        began, records = self.clock(), 0
        self.state = with_current_stream(self.state, one.name)
        self.progress.begin(one.name)
        LOGGER.info("%s: reading what was updated since %s", one.name, to_rfc_3339(one.since))
        for chunk in ahead.chunks(one.reading):
            if not records:
                self._schema(one)
            self.messages.block(chunk.content)
            records += chunk.rows
            self._records_since_state += chunk.rows
            self.progress.advance(chunk.rows, one.reading.total)
            self._advance(one, min(chunk.newest, self._max_bookmark(one.reading)))
        if not records:
            self._schema(one)
        self._advance(one, self._max_bookmark(one.reading))
        reading = one.reading
        seconds = self.clock() - began
        report = StreamReport(
            one.name,
            records,
            reading.requests,
            reading.retries,
            seconds,
            one.records.bad_values.total,
        )
        self.reports.append(report)
        metrics(report)

    def _schema(self, one: StreamSync) -> None:
        self._with_schema.add(one.name)
        key = list(one.stream.resource.key)
        self.messages.schema(one.name, one.records.schema, key, one.replication_key)

    def _max_bookmark(self, reading: StreamReader) -> int:
        """A change may be committed this late after its stamp: no bookmark goes beyond."""
        return reading.clock - self.settings.lookback_seconds

    def _advance(self, one: StreamSync, second: int) -> None:
        self.state = with_bookmark(self.state, one.name, one.replication_key, second)
        if (
            self._records_since_state >= STATE_EVERY_RECORDS
            or self.clock() - self._state_written_at >= STATE_EVERY_S
        ):
            self._write_state()

    def _write_state(self) -> None:
        self.messages.state(self.state)
        self._records_since_state = 0
        self._state_written_at = self.clock()

    def _deletions(self, streams: Sequence[Stream], ahead: Prefetcher) -> Deletions | None:
        """What was deleted by now; None if it is not asked for, or the key may not read events."""
        if not self.settings.capture_deletes:
            return None
        deletable = [stream for stream in streams if stream.resource.deleted_by]
        deletions = Deletions(deletable, self.state, self.settings.start_date)
        reading = reader_of(EVENTS, self.settings.page_size, deletions.since, deletions.collect)
        ahead.add_first(reading)
        try:
            for _ in ahead.chunks(reading):
                pass
        except ForbiddenError as refusal:
            LOGGER.error("deletions cannot be read: %s", refusal)
            return None
        deletions.until = self._max_bookmark(reading)
        return deletions

    def _emit_deletions(self, one: StreamSync, deletions: Deletions) -> None:
        """After the stream's records, so that no older version of a deleted object follows it."""
        if not one.stream.resource.deleted_by:
            return
        rows = deletions.of(one.stream)
        if rows:
            self.messages.block(one.records.lines(rows))
            LOGGER.info("%s: %d deleted", one.name, len(rows))
        self.state = deletions.with_bookmark(self.state, one.stream)

    def _verified(self, one: StreamSync, ahead: Prefetcher) -> bool:
        """Whether the server counts no more objects than were read."""
        totals = one.totals
        if totals is None:
            return True
        late: list[object] = []

        def collect(rows: list[Row]) -> bytes:
            late.extend(row["id"] for row in rows)
            return b""

        lists = listings(one.stream.resource, self.settings.page_size)
        counting = RecountReader(lists, one.since, self._max_bookmark(one.reading), collect)
        ahead.add_first(counting)
        for _ in ahead.chunks(counting):
            pass
        lost = missing(totals.objects, counting.total, totals.unseen(late))
        LOGGER.info("%s: verified: %s", one.name, totals.report())
        if lost:
            LOGGER.error(
                "%s: %d objects of %d were not read, ids %s. Read the stream again from its "
                "bookmark before, and report it.",
                one.name,
                lost,
                counting.total,
                totals.range,
            )
        return not lost
