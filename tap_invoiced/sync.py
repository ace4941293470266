"""One run of the tap: reads the selected streams, and writes their messages and STATE."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from invoiced_api.client import Client
from invoiced_api.definitions import ReadStrategy
from invoiced_api.exceptions import (
    ForbiddenError,
    InvoicedError,
    NotFoundError,
    RecordRejectedError,
)
from invoiced_api.reading.pages import Row, listings
from invoiced_api.reading.prefetch import Prefetcher, ThreadTransport
from invoiced_api.reading.readers import ChildReader, RecountReader, StreamReader, reader_of
from invoiced_api.retry import RetryBudget
from invoiced_api.timestamps import to_rfc_3339
from singer_command.exceptions import RunInterruptedError
from tap_invoiced.bad_values import BadValues
from tap_invoiced.bookmarks import State, bookmark, finished, with_bookmark, with_current_stream
from tap_invoiced.children import ChildStreams, with_sweep
from tap_invoiced.deletions import COLUMN, EVENTS, Deletions, concerned
from tap_invoiced.event_changes import EventChanges
from tap_invoiced.exceptions import VerificationError
from tap_invoiced.messages import Messages
from tap_invoiced.progress import Progress, StreamReport, metrics, verified_metric
from tap_invoiced.records import Records
from tap_invoiced.row_identity import parse_events
from tap_invoiced.selection import SelectedStream
from tap_invoiced.settings import TapSettings
from tap_invoiced.stream_failures import RUN_FAILURES, FailedStreams, OutageDetector, reason_of
from tap_invoiced.verification import StreamTotals, missing

LOGGER = logging.getLogger(__name__)

# What a killed run may have to read again: this much work, or this many records.
STATE_EVERY_S = 10.0
STATE_EVERY_RECORDS = 500
# The name under which a failure to read deletions is reported.
DELETIONS = "deletions"


@dataclass(frozen=True, slots=True)
class StreamSync:
    """One stream in a run.

    Attributes:
        stream: what the catalog selects.
        since: the first second to be read, UNIX.
        records: makes the RECORD messages.
        totals: what was read, for `verify`; None without that setting.
        reading: reads the pages.
    """

    stream: SelectedStream
    since: int
    records: Records
    totals: StreamTotals | None
    reading: StreamReader

    @property
    def name(self) -> str:
        """The name of the stream."""
        return self.stream.name

    @property
    def replication_key(self) -> str:
        """The attribute that the bookmark follows."""
        return self.stream.resource.replication_key


@dataclass(slots=True)
class Sync:
    """One run of the tap.

    Attributes:
        client: sends the requests.
        settings: of the run.
        messages: writes to stdout.
        state: true of what was emitted so far; it may be written at any time.
        progress: shows how far the run is.
        clock: monotonic, in seconds.
        reports: what each stream took, in the order in which they were read.
        failed: the streams that could not be read.
    """

    client: Client
    settings: TapSettings
    messages: Messages
    state: State
    progress: Progress
    clock: Callable[[], float] = time.monotonic
    reports: list[StreamReport] = field(default_factory=list)
    failed: FailedStreams = field(default_factory=FailedStreams)
    _outages: OutageDetector = field(default_factory=OutageDetector)
    _state_written_at: float = 0.0
    _records_since_state: int = 0
    _with_schema: set[str] = field(default_factory=set)

    def run(self, streams: Sequence[SelectedStream]) -> None:
        """Read the streams one after the other, and fetch ahead.

        A stream that fails is added to `failed`, and the others are read. A run that fails or is
        interrupted writes the last true state before it raises.

        Raises:
            FatalError: if no request can succeed.
            RetryableError: if the network or Invoiced fails for all streams.
            RunInterruptedError: after a signal.
        """
        settings = self.settings
        children = ChildStreams(self.state, settings.page_size, settings.children_sweep_days)
        syncs = [self._stream_sync(stream, children) for stream in streams]
        connections = settings.connection.max_connections
        try:
            transport = ThreadTransport(self.client)
            with Prefetcher(transport, connections, [one.reading for one in syncs]) as ahead:
                changes = self._read_events(streams, children, ahead)
                for one in syncs:
                    self._sync(one, ahead, changes)
                    self._write_state()
        except (InvoicedError, RunInterruptedError):
            self._write_state()
            raise
        self.state = finished(self.state)
        self._write_state()

    def _stream_sync(self, stream: SelectedStream, children: ChildStreams) -> StreamSync:
        resource = stream.resource
        known = bookmark(self.state, stream.name, resource.replication_key)
        since = self.settings.start_date if known is None else known
        if stream.full_table:
            since = 0
        countable = self.settings.verify and resource.strategy is ReadStrategy.INCREMENTAL
        totals = StreamTotals(resource) if countable else None
        records = Records(
            stream,
            with_deletions=self.settings.capture_deletes,
            totals=totals,
            bad_values=BadValues(stream.name, stop=self.settings.stop_on_bad_value),
        )
        reading: StreamReader
        if resource.parent:
            reading = children.reader_of(stream, since, records.lines, records.parse)
        else:
            size = self.settings.page_size
            reading = reader_of(resource, size, since, records.lines, records.parse)
        reading.budget = self._budget()
        return StreamSync(stream, since, records, totals, reading)

    def _budget(self) -> RetryBudget:
        return RetryBudget(self.settings.connection.max_retry_seconds, self.clock)

    def _sync(self, one: StreamSync, ahead: Prefetcher, changes: EventChanges | None) -> None:
        """Reads a stream with its deletions, and contains what fails."""
        parent = one.stream.resource.parent
        if parent and parent.resource in self.failed.reasons:
            ahead.discard(one.reading)
            self._fail(one.name, f"not read, because its parent `{parent.resource}` failed.")
            return
        with self._ends_stream_on_failure(one.reading, partial(self._fail, one.name)):
            try:
                self._read(one, ahead)
                one.records.name_missing_ids()
                self._verify(one, ahead)
            except ForbiddenError as refusal:
                self._refused(one, refusal, changes)
            except NotFoundError as refusal:
                if one.stream.resource.documented:
                    raise
                self._refused(one, refusal, changes)
            else:
                self._emit_event_changes(one, changes)

    @contextmanager
    def _ends_stream_on_failure(
        self, reading: StreamReader, fail: Callable[[str], None]
    ) -> Iterator[None]:
        """Call `fail` with a failure that ends this stream; raise one that ends the run."""
        try:
            yield
        except RUN_FAILURES:
            raise
        except Exception as failure:
            budget = reading.budget or self._budget()
            since = self.clock() if budget.failing_since is None else budget.failing_since
            budget.cancel()
            if self._outages.is_outage(failure, since, self.client.last_success_at):
                raise
            LOGGER.debug("traceback of the following failure", exc_info=True)
            fail(reason_of(failure))

    def _refused(
        self, one: StreamSync, refusal: RecordRejectedError, changes: EventChanges | None
    ) -> None:
        """The key, or the account, may not read a stream: a failure only if it could before.

        A list that no page describes may come and go.
        """
        known = bookmark(self.state, one.name, one.replication_key)
        if known is not None and one.stream.resource.documented:
            self._fail(one.name, f"access was lost since the last run: {reason_of(refusal)}")
            return
        LOGGER.warning("%s: skipped, %s", one.name, refusal)
        if changes and concerned(one.stream.resource):
            # None of its objects was ever emitted, so none of its deletions is missed.
            self.state = changes.with_bookmark(self.state, one.stream)

    def _fail(self, name: str, reason: str) -> None:
        """One ERROR line for a stream: what failed, what to do, and from where it continues."""
        self.failed.reasons[name] = reason
        LOGGER.error("%s: %s", name, reason)

    def _read(self, one: StreamSync, ahead: Prefetcher) -> None:
        began, records, reading = self.clock(), 0, one.reading
        self.state = with_current_stream(self.state, one.name)
        self.progress.begin(one.name)
        LOGGER.info("%s: reading what was updated since %s", one.name, to_rfc_3339(one.since))
        try:
            for chunk in ahead.chunks(reading):
                if not records:
                    self._schema(one)
                self.messages.block(chunk.content)
                records += chunk.rows
                self._records_since_state += chunk.rows
                self.progress.advance(chunk.rows, reading.total)
                self._advance(one, min(chunk.newest, self._max_bookmark(reading)))
            if not records:
                self._schema(one)
        finally:
            self._report(one, records, self.clock() - began)
        self._advance(one, self._max_bookmark(reading), is_last=True)

    def _report(self, one: StreamSync, records: int, seconds: float) -> None:
        reading = one.reading
        bad_values = one.records.bad_values.total
        report = StreamReport(
            one.name, records, reading.requests, reading.retries, seconds, bad_values
        )
        self.reports.append(report)
        metrics(report)

    def _schema(self, one: StreamSync) -> None:
        self._with_schema.add(one.name)
        key = list(one.stream.resource.key)
        name = one.stream.message_name
        self.messages.schema(name, one.records.schema, key, one.replication_key)

    def _max_bookmark(self, reading: StreamReader) -> int:
        """Invoiced may commit a change this much after its stamp: no bookmark goes beyond."""
        return reading.clock - self.settings.lookback_seconds

    def _advance(self, one: StreamSync, second: int, *, is_last: bool = False) -> None:
        # A bookmark waits until its stream is verified, and for rows and parents without an id.
        complete = one.reading.complete and not one.records.without_id
        if one.totals is None and complete:
            self.state = with_bookmark(self.state, one.name, one.replication_key, second)
            if is_last and isinstance(one.reading, ChildReader) and one.reading.is_sweep:
                self.state = with_sweep(self.state, one.stream, second)
        if (
            self._records_since_state >= STATE_EVERY_RECORDS
            or self.clock() - self._state_written_at >= STATE_EVERY_S
        ):
            self._write_state()

    def _write_state(self) -> None:
        self.messages.state(self.state)
        self._records_since_state = 0
        self._state_written_at = self.clock()

    def _read_events(
        self, streams: Sequence[SelectedStream], children: ChildStreams, ahead: Prefetcher
    ) -> EventChanges | None:
        """Reads the events that children and deletions need; then children know their parents.

        Returns the deletions and merges up to now; None if not wanted, or if they could not be
        read.
        """
        changes = self._event_changes(streams)
        deletions = changes.deletions if changes else None
        changed = children.changed_parents()
        needed = [one.since for one in (deletions, children) if one and one.since is not None]
        if not needed:
            return None

        def collect(events: list[Row]) -> bytes:
            changed.collect(events)
            return deletions.collect(events) if deletions else b""

        def fail(reason: str) -> None:
            nonlocal changes
            changes = None
            if deletions:
                self.failed.reasons[DELETIONS] = reason
                LOGGER.error("deletions cannot be read: %s", reason)
            if children.since is not None and changed.until is None:
                LOGGER.warning("children of all parents are read, without events: %s", reason)

        page_size = self.settings.page_size
        reading = reader_of(EVENTS, page_size, min(needed), collect, parse_events)
        reading.budget = self._budget()
        ahead.add_first(reading)
        with self._ends_stream_on_failure(reading, fail):
            for _ in ahead.chunks(reading):
                pass
            changed.until = reading.clock
            if changes:
                changes.deletions.until = self._max_bookmark(reading)
                changes.deletions.complete(changes.fetch)
        children.start(changed)
        return changes

    def _event_changes(self, streams: Sequence[SelectedStream]) -> EventChanges | None:
        """What collects deletions and merges; None if no stream needs them."""
        changed = [stream for stream in streams if concerned(stream.resource)]
        if not self.settings.capture_deletes or not changed:
            return None
        deletions = Deletions(changed, self.state, self.settings.start_date)
        # From here on a stream's bookmark moves; where its deletions were left must not be lost.
        self.state = deletions.hold(self.state)
        return EventChanges(self.client, self.settings.page_size, deletions)

    def _emit_event_changes(self, one: StreamSync, changes: EventChanges | None) -> None:
        """After the stream's records, so that no older version of a deleted object follows it."""
        if not changes or not concerned(one.stream.resource):
            return
        deleted = 0
        for rows in changes.rows(one.stream):
            deleted += sum(row.get(COLUMN) is not None for row in rows)
            if rows:
                self.messages.block(one.records.lines(one.records.identified(rows)))
        if deleted:
            LOGGER.info("%s: %d deleted", one.name, deleted)
        self.state = changes.with_bookmark(self.state, one.stream)

    def _verify(self, one: StreamSync, ahead: Prefetcher) -> None:
        """Moves the bookmark if the server counts no more objects than were read.

        Raises VerificationError if it does.
        """
        totals = one.totals
        if totals is None:
            return
        late: list[object] = []

        def collect(rows: list[Row]) -> bytes:
            late.extend(row["id"] for row in rows)
            return b""

        until = self._max_bookmark(one.reading)
        lists = listings(one.stream.resource, self.settings.page_size)
        counting = RecountReader(lists, one.since, until, collect)
        counting.budget = one.reading.budget
        ahead.add_first(counting)
        for _ in ahead.chunks(counting):
            pass
        lost = missing(totals.objects, counting.total, totals.unseen(late))
        LOGGER.info("%s: verified: %s", one.name, totals.report())
        if lost:
            raise VerificationError(
                f"{lost} of {counting.total} objects were not read, ids {totals.range}. The "
                "bookmark is unchanged. Run again, and report the problem if they are still missing"
            )
        verified_metric(one.name, totals.objects)
        self.state = with_bookmark(self.state, one.name, one.replication_key, until)
