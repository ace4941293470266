"""The event loop: from messages to records, write requests, outcomes, and STATE."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import orjson

from invoiced_api.exceptions import FatalError, InvalidInputError, InvoicedError
from singer_command.exceptions import RunInterruptedError
from target_invoiced import exact_json
from target_invoiced.delivery.senders import Sender
from target_invoiced.delivery.workers import WorkerPool
from target_invoiced.delivery.writer import Writer
from target_invoiced.events import EndOfInput, Event, EventQueue, Lines, Result, Signal
from target_invoiced.mapping.outcomes import Done, Found, Missing, Rejected
from target_invoiced.mapping.paths import object_path
from target_invoiced.message_handler import MessageHandler
from target_invoiced.records.intake import Intake
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.recorder import OutcomeRecorder
from target_invoiced.results.rejects import Rejects
from target_invoiced.results.report import LOG_EVERY_S, Report
from target_invoiced.results.responses import ResponseSink
from target_invoiced.scheduling.dispatcher import Dispatch, Job
from target_invoiced.scheduling.mirror import Mirror
from target_invoiced.scheduling.parking import ParkedQueue
from target_invoiced.scheduling.queue import WriteQueue
from target_invoiced.scheduling.requests import RequestBuilder
from target_invoiced.settings import TargetSettings
from target_invoiced.shutdown import Shutdown
from target_invoiced.singer.checkpoints import StateTracker
from target_invoiced.singer.reader import MessageReader

LOGGER = logging.getLogger(__name__)

# Writes that are journaled for each connection: one in flight and one to follow.
PREFETCH_PER_CONNECTION = 2


@dataclass(slots=True, kw_only=True)
class TargetRun:
    """One run of the target.

    Each tick of the loop handles the events that have arrived. Then it takes steps until there is a
    write to send, or until nothing can be done before the next event. It commits what was recorded
    and journaled, hands the writes to the workers, and writes STATE once everything before it is
    recorded.

    More than 12 fields, since it is the one place where the stages are put together.

    Attributes:
        sender: sends requests.
        unit: the ledger.
        settings: of the run.
        events: what the loop waits for.
        write_state: writes a line to stdout; None if no STATE is to be written.
        rejects: the file; None if there is none.
        responses: file and webhook; None if there are none.
        sample: whether only the first record of each stream is taken (`--test`).
        clock: monotonic, in seconds.
        now: UNIX time, in seconds.
        report: counts.
    """

    sender: Sender
    unit: UnitOfWork
    settings: TargetSettings
    events: EventQueue
    write_state: Callable[[bytes], None] | None
    rejects: Rejects | None = None
    responses: ResponseSink | None = None
    sample: bool = False
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    report: Report = field(default_factory=Report)
    _states: StateTracker = field(init=False, default_factory=StateTracker)
    _recorder: OutcomeRecorder = field(init=False)
    _queue: WriteQueue = field(init=False)
    _parking: ParkedQueue = field(init=False)
    _dispatch: Dispatch = field(init=False)
    _handler: MessageHandler = field(init=False)
    _workers: WorkerPool = field(init=False)
    _shutdown: Shutdown = field(init=False)

    def __post_init__(self) -> None:
        connections = self.settings.connection.max_connections
        writer = Writer(self.sender, self.unit.ledger.verify, self._holder)
        self._workers = WorkerPool(connections, self.events, writer.write, self.sender.retries)
        self._recorder = OutcomeRecorder(
            unit=self.unit,
            states=self._states,
            report=self.report,
            rejects=self.rejects,
            responses=self.responses,
            max_rejects=self.settings.max_rejects,
            stop=lambda failure, position: self._shutdown.stop_at(failure, position),
            clock=self.clock,
            keeps_rejects=self.settings.rejects is not None,
        )
        self._queue = WriteQueue(self.unit, self._recorder, self.settings.mixes_ids)
        self._parking = ParkedQueue(
            self.settings, self.unit, self._queue, self._recorder, self.clock
        )
        requests = RequestBuilder(self.unit, self.now, self.clock)
        self._dispatch = Dispatch(self.unit, self._queue, self._parking, requests)
        self._shutdown = Shutdown(self._workers, self._queue, requests, self.clock)
        reader = MessageReader(self.events.release_chunk, self.sample)
        self._handler = MessageHandler(
            reader=reader,
            intake=self._intake(reader),
            mirror=Mirror(self.unit, self._queue, self._states, self.clock),
            parking=self._parking,
            queue=self._queue,
            commit=self._commit,
            sending=lambda: bool(len(self._workers)),
            sample=self.sample,
        )

    def _holder(self, resource: str, id: int | str) -> bytes | None:
        """The digest of the record that has the object; empty for one with a key.

        May be called by any thread.
        """
        ledger, path = self.unit.ledger, object_path(resource, id)
        if ledger.keys.owner(resource, id) is not None:
            return b""
        return None if path is None else ledger.journal.digest_at(path)

    def _intake(self, reader: MessageReader) -> Intake:
        return Intake(
            settings=self.settings,
            unit=self.unit,
            states=self._states,
            record_outcome=self._recorder.record_outcome,
            enqueue=self._queue.enqueue,
            writing=self._queue.writing,
            skip=lambda stream: self.report.skip(stream, self.clock()),
            clock=self.clock,
            input_digest=reader.input_digest,
        )

    @property
    def replayed(self) -> int:
        """How many records without a key an earlier run had sent."""
        return self._handler.intake.replayed

    def run(self, file_number: int) -> None:
        """Read messages and write their records.

        However it ends, every STATE that was written is true, and the ledger has every write that
        was sent.

        Args:
            file_number: of the input.

        Raises:
            InvalidInputError: if the input or a file cannot be used; as TooManyRejectsError, if
                more records were rejected than `max_rejects` allows.
            FatalError: if no request can succeed.
            RetryableError: if Invoiced kept failing.
            RunInterruptedError: after a signal.
        """
        self.events.read(file_number)
        if not self.sample:
            self._parking.resume_known()
        try:
            more = self._tick([])
            while not self._finished():
                more = self._tick(self.events.take(0 if more else self._wait_s))
        finally:
            self._workers.close()
            if self.responses:
                self.responses.close(wait=self._keep_waiting)
        if self._shutdown.failure:
            raise self._shutdown.failure

    @property
    def _wait_s(self) -> float:
        """How long to wait for an event: no longer than until the next line of progress."""
        left_s = self._shutdown.left_s
        return LOG_EVERY_S if left_s is None else min(left_s, LOG_EVERY_S)

    def _keep_waiting(self) -> bool:
        """False once the run has failed or a stop signal has arrived."""
        for event in self.events.take(0):
            if isinstance(event, Signal):
                self._handle_event(event)
        return self._shutdown.failure is None

    def _finished(self) -> bool:
        if self._shutdown.failure:
            return self._shutdown.finished
        return self._handler.finished and not len(self._queue) and not self._parking.has_work

    def _tick(self, events: Iterable[Event]) -> bool:
        """Handle events, take steps, commit, send, emit STATE.

        Returns whether more can be done before the next event: the workers do not wait for that.
        """
        jobs: list[Job] = []
        more = False
        for event in events:
            try:
                self._handle_event(event)
            except (InvalidInputError, InvoicedError) as failure:
                self._shutdown.stop(failure)  # the other events have come all the same
        try:
            while not self._shutdown.failure and (more := self._step(jobs)):
                if jobs or self.events:
                    break
        except (InvalidInputError, InvoicedError) as failure:
            self._shutdown.stop(failure)
        jobs = self._shutdown.admit(jobs, more=more)
        self._commit()
        self._workers.submit(jobs)
        self._emit_state()
        self.report.log_progress(self.clock())
        return more

    def _step(self, jobs: list[Job]) -> bool:
        """Take one step; False if there is none to take before the next event."""
        self._shutdown.discard_ready()
        if not self._parking.has_work:
            self._queue.newly_available.clear()
        elif self._queue.has_room:
            self._commit()
            self._parking.resume_page()
            return True
        limit = PREFETCH_PER_CONNECTION * self.settings.connection.max_connections
        room = limit - len(self._workers) - len(jobs)
        if self._queue.ready and room > 0:
            jobs += self._dispatch.next_jobs(room)
            return True
        if self._shutdown.ending or not self._queue.has_room:
            return False
        return self._handler.handle_next()

    def _commit(self) -> None:
        self.unit.flush()
        self._recorder.committed()
        if self.responses:
            self.responses.committed()

    def _emit_state(self) -> None:
        ready = self._states.ready()
        if self.write_state is None or not ready:
            return
        if self.unit.journal_in_use:
            with self.unit.ledger.transaction():
                for mark in ready:
                    self.unit.ledger.journal.cover(self.unit.run, mark.segment, mark.digest)
        for mark in ready:
            self.write_state(exact_json.dumps(mark.value, orjson.OPT_APPEND_NEWLINE))

    def _handle_event(self, event: Event) -> None:
        match event:
            case Lines(lines):
                self._handler.add_lines(lines)
            case EndOfInput(error):
                said = f"the input cannot be read: {error.strerror}." if error else None
                self._handler.end_input(InvalidInputError(said) if said else None)
            case Signal(number):
                self._shutdown.stop_soon(RunInterruptedError(number))
            case Result():
                self._handle_result(event)

    def _handle_result(self, result: Result) -> None:
        pending, request = result.item, self._workers.finish(result.item)
        pending.retries += result.retries
        match result.value:
            case Done() as done:
                self._queue.finish(pending, done)
            case Rejected() as rejected:
                self._dispatch.refused(pending, rejected)
            case Found(id):
                self._dispatch.found(pending, id)
            case Missing(reference):
                self._shutdown.withdraw([(pending, request)])
                self._parking.park(pending, reference)
            case InvoicedError() as failure:
                if isinstance(failure, FatalError) and failure.unsent:
                    self._shutdown.withdraw([(pending, request)])
                self._shutdown.stop(failure)
            case Exception() as error:
                raise error
