"""No card number and no secret leaves the target, except secrets in requests to Invoiced.

Ten thousand records go through the parts that decide, refuse, park and answer, in process: intake,
planning, announcing, recorder, rejects, answers, a ledger in memory and every logger at DEBUG.
Dozens more go through the whole command, with all of its files and outputs.
"""

import logging
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from invoiced_emulator import Server
from target_invoiced.exceptions import InvalidRecordError
from target_invoiced.ledger import Ledger
from target_invoiced.ledger.tables import TABLES
from target_invoiced.mapping.operations import NoOp
from target_invoiced.mapping.outcomes import Done, Kind, Rejected
from target_invoiced.records.intake import Intake
from target_invoiced.records.record import PendingRecord
from target_invoiced.records.unit_of_work import UnitOfWork
from target_invoiced.results.recorder import OutcomeRecorder
from target_invoiced.results.rejects import Rejects
from target_invoiced.results.report import Report
from target_invoiced.results.responses import ResponseFile, ResponseSink
from target_invoiced.scheduling.requests import RequestBuilder
from target_invoiced.settings import target_settings
from target_invoiced.singer.checkpoints import StateTracker
from target_invoiced.singer.messages import Record, Schema

NOW = 1_772_366_400
SECRET = "sk-live-0123456789abcdef"
PREFIXES = (("4", 16), ("4", 13), ("51", 16), ("2720", 16), ("37", 15), ("36", 14), ("62", 19))
# Records that are written, or wait for a customer who never comes.
RECORDS: dict[str, dict[str, Any]] = {
    "customers": {"name": "Acme", "metadata": {"a": "b"}, "taxes": [{"amount": 1}]},
    "invoices": {"customer": 9, "items": [{"name": "x", "quantity": 1, "unit_cost": 2}]},
    "payments": {"customer": 9, "amount": 1, "applied_to": []},
    "contacts": {"customer": 9, "name": "Ann"},
    "notes": {"customer": 9, "notes": "called"},
}
# Those that hold what is written or kept, but name no object.
CONTENT = "name notes email crm_note metadata items extra".split()
ATTRIBUTES = ["id", "ref", "number", "customer", *CONTENT]


def with_check_digit(digits: str) -> str:
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    return digits + str(-(doubled + sum(map(int, digits[-2::-2]))) % 10)


A_CARD = with_check_digit("4" + "0" * 14)


@st.composite
def planted(draw: st.DrawFn, in_json: bool) -> tuple[str, Any]:
    """A card number's digits, and a value that shows it in one of many ways."""
    prefix, length = draw(st.sampled_from(PREFIXES))
    filler = draw(st.text("0123456789", min_size=18, max_size=18))
    digits = with_check_digit((prefix + filler)[: length - 1])
    divider = draw(st.sampled_from(["", " ", "-"]))
    groups = divider.join(digits[at : at + 4] for at in range(0, length, 4))
    plain = [digits, groups, f"card {groups}, exp. 12/30", f"<{groups}>", int(digits)]
    escaped = "".join(f"\\u{ord(digit):04x}" for digit in digits)
    hidden = [f'{{"a": "{escaped}"}}', f'["{escaped}"]', f'"{escaped}"', f"[{digits}.0]"]
    value: Any = draw(st.sampled_from(hidden if in_json else plain))
    shape = draw(st.sampled_from(["plain", "list", "object", "name", "deep"]))
    match shape:
        case "list":
            value = [value]
        case "object":
            value = {"inner": value}
        case "name":
            value = {str(value): "x"}
        case "deep":
            value = [{"name": "x", "metadata": {"deep": [value]}}]
    return digits, value


@st.composite
def attributes(draw: st.DrawFn, in_json: bool = False) -> tuple[str, dict[str, Any]]:
    """The digits, and attributes of a record that show them somewhere."""
    digits, value = draw(planted(in_json))
    shown = {draw(st.sampled_from(CONTENT if in_json else ATTRIBUTES)): value}
    record = {} if draw(st.booleans()) and "id" not in shown else {"id": 1}
    record |= shown
    if draw(st.booleans()) and draw(st.booleans()):
        record["_sdc_deleted_at"] = "2026-01-01T00:00:00Z"
    return digits, record


def shows(text: str, digits: str) -> bool:
    """Whether the digits stand in the text, in whatever groups, escaped or not."""
    text = re.sub(r"\\+u00(3\d)", lambda escape: chr(int(escape[1], 16)), text)
    return digits in text.replace(" ", "").replace("-", "")


@dataclass(slots=True)
class Workspace:
    """Everything that keeps or prints something, for one record at a time."""

    home: Path
    ids: str
    ledger: Ledger
    log: list[str] = field(default_factory=list)

    def take(self, stream: str, record: dict[str, Any], refuse: bool) -> None:
        unit, states, report = UnitOfWork(self.ledger, lambda: NOW), StateTracker(), Report()
        rejects = Rejects(str(self.home / "rejects"), frozenset())
        answers = ResponseSink(
            ResponseFile(str(self.home / "responses")), unit.enqueue_response, None
        )
        recorder = OutcomeRecorder(
            unit, states, report, rejects, answers, None, _never, clock=lambda: 0.0
        )
        requests = RequestBuilder(unit, lambda: NOW, lambda: 0.0)
        for pending in self._pending(unit, states, recorder, Record(2, stream, record)):
            if isinstance(pending.operation, NoOp):
                recorder.record_outcome(pending, Done(pending.operation.kind))
                continue
            missing = next(iter(pending.references), None)
            if missing is not None and self.ids == "external":
                unit.parked.park(pending, missing)
                recorder.record_parked(pending)
                continue
            try:
                requests.build(pending, {})
            except InvalidRecordError as problem:
                recorder.record_outcome(pending, Rejected(str(problem)))
                continue
            answer = {"id": 5, "object": stream, **record}
            refused = Rejected(f"POST refused (400): {record} is not valid", 400, "notes")
            recorder.record_outcome(
                pending, refused if refuse else Done(Kind.CREATED, 5, 201, answer)
            )
        unit.flush()
        recorder.committed()
        rejects.close()
        answers.close(wait=lambda: False)

    def _pending(
        self, unit: UnitOfWork, states: StateTracker, recorder: OutcomeRecorder, record: Record
    ) -> list[PendingRecord]:
        """The record, if it needs a write."""
        ready: list[PendingRecord] = []
        intake = Intake(
            target_settings({"api_key": SECRET, "ids": self.ids}, {}),
            unit,
            states,
            record_outcome=recorder.record_outcome,
            enqueue=ready.append,
            writing=lambda key: False,
            skip=lambda name: None,
            clock=lambda: 0.0,
            input_digest=lambda: b"",
        )
        key = ["id"] if "id" in record.record or self.ids == "invoiced" else ["ref"]
        intake.add_schema(Schema(1, record.stream, {"type": "object"}, key))
        intake.add_records([record])
        return ready

    def everything_kept(self) -> str:
        """What the files and the ledger hold by now, and what was logged; all are empty after."""
        found = [*self.log]
        self.log.clear()
        for name in ("rejects", "responses"):
            found.append((self.home / name).read_text())
            (self.home / name).unlink()
        with self.ledger.transaction() as connection:
            for table in TABLES.sorted_tables:
                found += [repr(tuple(row)) for row in connection.execute(table.select())]
                connection.execute(table.delete())
        return "\n".join(found)


def _never(failure: Exception) -> None:
    raise failure


class _Kept(logging.Handler):
    def __init__(self, into: list[str]) -> None:
        super().__init__()
        self._into = into

    def emit(self, record: logging.LogRecord) -> None:
        self._into.append(record.getMessage())


@pytest.fixture(params=["external", "invoiced"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Workspace]:
    ledger = Ledger("sqlite:///:memory:")
    workspace = Workspace(tmp_path, request.param, ledger)
    logger, handler = logging.getLogger("target_invoiced"), _Kept(workspace.log)
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield workspace
    logger.removeHandler(handler)
    logger.setLevel(level)
    ledger.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("stream", ["customers", "invoices", "payments", "contacts", "notes"])
@settings(
    max_examples=1_000,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(case=(A_CARD, {"id": 1, "crm_note": A_CARD}), refuse=False)
@example(case=(A_CARD, {"ref": A_CARD}), refuse=False)
@given(case=attributes(), refuse=st.booleans())
def test_no_card_number_is_kept_or_logged_whatever_shape_the_record_has(
    workspace: Workspace, stream: str, case: tuple[str, dict[str, Any]], refuse: bool
) -> None:
    """Written, refused or waiting for another; a thousand records of each stream and kind of ids.

    What is not sent was kept: in the ledger with a record that waited, and as a key in `responses`.
    """
    digits, record = case
    workspace.take(stream, RECORDS[stream] | record, refuse)
    kept = workspace.everything_kept()
    assert not shows(kept, digits)
    assert SECRET not in kept


@pytest.mark.parametrize("stream", ["customers", "payments"])
@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(case=attributes(in_json=True))
def test_no_card_number_is_kept_that_json_in_a_string_hides(
    workspace: Workspace, stream: str, case: tuple[str, dict[str, Any]]
) -> None:
    """Escapes of JSON, or a number with a fraction, show it to a reader of the string."""
    digits, record = case
    workspace.take(stream, RECORDS[stream] | record, refuse=False)
    assert not shows(workspace.everything_kept(), digits)


def input_with_card_numbers(ids: str) -> tuple[bytes, list[str]]:
    """Forty records with a card number each. The input is cut off in the middle of one."""
    rng = random.Random(ids)
    numbers, lines = [], []
    for number in range(40):
        prefix, length = rng.choice(PREFIXES)
        filler = "".join(rng.choices("0123456789", k=18))
        numbers.append(with_check_digit((prefix + filler)[: length - 1]))
        stream = rng.choice(sorted(RECORDS))
        name = rng.choice([one for one in ATTRIBUTES if one != "metadata"])
        shown = rng.choice([numbers[-1], f"no. {numbers[-1]}", int(numbers[-1])])
        record = {"id": number, **RECORDS[stream], name: shown}
        key = ["id", name]
        if ids == "invoiced":
            del record["id"]
            key = ["id"]
        head = {"type": "SCHEMA", "stream": stream, "schema": {}, "key_properties": key}
        lines += [head, {"type": "RECORD", "stream": stream, "record": record}]
    text = b"".join(orjson.dumps(line) + b"\n" for line in lines)
    text += b'{"type": "RECORD", "stream": "notes", "record": {"notes": "' + numbers[0].encode()
    return text, numbers


@pytest.mark.parametrize("ids", ["external", "invoiced"])
@pytest.mark.parametrize("arguments", [(), ("--dry-run",)], ids=["for-real", "dry-run"])
def test_no_card_number_and_no_secret_is_in_anything_the_command_leaves_behind(
    arguments: tuple[str, ...],
    ids: str,
    server: Server,
    run_target: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """All of it is logged at DEBUG."""
    text, numbers = input_with_card_numbers(ids)
    files = {name: str(tmp_path / name) for name in ("rejects", "responses", "report")}
    run = run_target(
        server,
        text,
        *arguments,
        env={"LOGLEVEL": "DEBUG"},
        ids=ids,
        max_rejects=-1,
        ledger=f"sqlite:///{tmp_path}/kept.db",
        **files,
    )
    assert run.exit_code == 1
    assert "input ends in the middle of line" in run.complaint
    kept = [path for path in tmp_path.iterdir() if path.name != "config.json"]
    written = {"report"} if arguments else {"rejects", "responses", "report", "kept.db"}
    assert {path.name for path in kept} >= written
    left = run.stdout + run.stderr.encode() + b"".join(path.read_bytes() for path in kept)
    for number in numbers:
        assert number.encode() not in left
    assert b"emulator-key" not in left
