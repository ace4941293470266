"""The conductor: messages -> intents -> outcomes, and the state that may be told."""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import orjson

from invoiced_api.client import Client
from invoiced_api.failures import BadInput
from invoiced_api.resources import ENDPOINTS
from singer_command.signals import Signals
from target_invoiced.bodies import Unwritable
from target_invoiced.messages import ActivateVersion, Message, Record, Schema, State
from target_invoiced.outcomes import Done, Outcome, Rejected
from target_invoiced.planning import Planner
from target_invoiced.rejects import Rejects
from target_invoiced.report import Report
from target_invoiced.settings import TargetSettings
from target_invoiced.validation import Validator
from target_invoiced.writer import Writer

LOGGER = logging.getLogger(__name__)

# Meltano's own, sent by `meltano config test` to see whether a target takes records at all.
TEST_STREAM = "meltano_test_stream"


class TooManyRejects(BadInput):
    """More records were refused than `max_rejects` allows."""


@dataclass(frozen=True, slots=True)
class Stream:
    """What is needed to write the records of one SCHEMA."""

    schema: Schema
    validator: Validator
    planner: Planner


@dataclass(slots=True)
class Load:
    """One run. STATE is echoed as it comes, since every record before it is settled by then."""

    client: Client
    settings: TargetSettings
    signals: Signals
    write_stdout: Callable[[bytes], None]
    rejects: Rejects | None = None
    clock: Callable[[], float] = time.monotonic
    report: Report = field(default_factory=Report)
    _streams: dict[str, Stream | None] = field(default_factory=dict)
    _warned_of: set[tuple[str, str]] = field(default_factory=set)

    def run(self, messages: Iterable[Message]) -> None:
        """Raises BadInput, RunBlocked, TryAgain, TooManyRejects; what was echoed stays true."""
        writer = Writer(self.client)
        for message in messages:
            match message:
                case Schema():
                    self._streams[message.stream] = self._stream(message)
                case Record():
                    # A write that was sent is settled before a signal is heard.
                    with self.signals.held():
                        self._record(writer, message)
                case State(value=value):
                    self.write_stdout(orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE))
                case ActivateVersion(stream=stream):
                    LOGGER.info("%s: ACTIVATE_VERSION deletes nothing here", stream)

    def _stream(self, message: Schema) -> Stream | None:
        """None for a stream that is skipped."""
        name = message.stream
        settings = self.settings.stream(name)
        if settings is None:
            if name == TEST_STREAM:
                LOGGER.info("%s: skipped", name)
            elif self.settings.skip_unknown_streams:
                LOGGER.warning("%s: has no endpoint, skipped", name)
            else:
                raise BadInput(
                    f"line {message.line}: stream `{name}` has no endpoint. Map it in the setting "
                    f"`streams` to one of {', '.join(ENDPOINTS)}, or set `unknown_streams` to skip."
                )
            return None
        try:
            validator = Validator(message.schema)
        except ValueError as problem:
            raise BadInput(
                f"line {message.line}: the SCHEMA of `{name}` is not valid JSON Schema: {problem}. "
                "Correct it at the tap."
            ) from None
        return Stream(message, validator, Planner(settings, self.settings.allow_card_like))

    def _record(self, writer: Writer, message: Record) -> None:
        if message.stream not in self._streams:
            raise BadInput(
                f"line {message.line}: a RECORD of `{message.stream}` came before its SCHEMA. "
                "The tap must write the SCHEMA first."
            )
        stream = self._streams[message.stream]
        began, retries = self.clock(), self.client.retries
        outcome = Done.SKIPPED if stream is None else self._outcome(writer, stream, message)
        self.report.add(
            message.stream, outcome, self.client.retries - retries, self.clock() - began
        )
        if stream is not None and isinstance(outcome, Rejected):
            self._reject(stream, message, outcome)

    def _outcome(self, writer: Writer, stream: Stream, message: Record) -> Outcome:
        problem = stream.validator.first_problem(message.record)
        if problem:
            return Rejected(problem)
        for name in stream.planner.unknown_attributes(message.record):
            if (message.stream, name) not in self._warned_of:
                self._warned_of.add((message.stream, name))
                LOGGER.warning("%s: Invoiced has no attribute `%s`: left out", message.stream, name)
        try:
            intent = stream.planner.intent(message.record)
        except Unwritable as reason:
            return Rejected(str(reason))
        return writer.write(stream.planner.settings, intent)

    def _reject(self, stream: Stream, message: Record, rejected: Rejected) -> None:
        where = f"line {message.line}, {message.stream}"
        if self.rejects:
            self.rejects.add(stream.schema, message, rejected)
        else:
            LOGGER.error("%s: %s", where, rejected.reason)
        limit = self.settings.max_rejects
        if limit is not None and self.report.rejected > limit:
            raise TooManyRejects(
                f"stopped at {where}: {rejected.reason} - more rejects than `max_rejects` allows "
                f"({limit}). Mend the record and go on behind the last state; what was created "
                "since is created again unless it is left out."
            )
