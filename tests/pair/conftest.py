"""What it takes to copy an account: two servers, a pipe between them, and a comparison."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Timer
from typing import Any

import pytest
import sqlalchemy as sa

from invoiced_emulator import Account, Faults, Server, seeded
from invoiced_emulator.http.faults import Fault
from target_invoiced.ledger.tables import ACCOUNTS, OBJECTS

API_KEY = "emulator-key"
PIPE_TIMEOUT_S = 90
# How long a fuse waits for a pipe whose second process is just being started.
START_TIMEOUT_S = 20

# What is copied, as docs/copying.md advises.
STREAMS = (
    "items plans coupons tax_rates customers subscriptions invoices estimates credit_notes "
    "payments credit_balance_adjustments tasks notes contacts pending_line_items payment_plans"
).split()

# What a copy does not share with its source, by stream: docs/copying.md gives the reasons. Those
# of every stream are meant wherever they stand.
DIFFERENCES: dict[str, tuple[str, ...]] = {
    "every stream": (
        "id",
        "created_at",
        "updated_at",
        "url",
        "pdf_url",
        "csv_url",
        "payment_url",
        "statement_pdf_url",
    ),
    "customers": ("payment_source",),
    "subscriptions": ("contract_period_start", "contract_period_end", "status"),
    "invoices": (
        "balance",
        "paid",
        "closed",
        "status",
        "attempt_count",
        "subscription",
        "items[].plan",
        "items[].period_start",
        "items[].period_end",
        "items[].subscription",
    ),
    "estimates": ("approved", "status"),
    "credit_notes": ("balance", "paid", "status"),
    "notes": (
        "user.email",
        "user.first_name",
        "user.last_name",
        "user.two_factor_enabled",
    ),
    "tasks": ("complete", "completed_by_user_id", "completed_date"),
}
EVERYWHERE = DIFFERENCES["every stream"]

# The attributes that hold the id of another object.
REFERENCES = {
    "customer": "customers",
    "customer_id": "customers",
    "parent_customer": "customers",
    "invoice": "invoices",
    "invoice_id": "invoices",
    "estimate": "estimates",
    "credit_note": "credit_notes",
    "payment_plan": "payment_plans",
    "subscription": "subscriptions",
}

Names = Mapping[tuple[str, Any], str]
Objects = dict[tuple[str, str], Any]


def keys_in(ledger: str, base_url: str | None = None) -> dict[tuple[str, Any], str]:
    """What the source calls each object of a copy, from the ledger: (resource, id) -> its id there.

    Of the account at `base_url`, if several share the database.
    """
    engine = sa.create_engine(ledger.replace("postgresql:", "postgresql+psycopg:"))
    query = sa.select(OBJECTS.c.resource, OBJECTS.c.key, OBJECTS.c.id)
    if base_url is not None:
        there = sa.select(ACCOUNTS.c.account).where(ACCOUNTS.c.base_url == base_url)
        query = query.where(OBJECTS.c.account.in_(there))
    with engine.connect() as connection:
        rows = connection.execute(query.where(OBJECTS.c.id.is_not(None))).all()
    engine.dispose()
    found = {}
    for resource, key, written in rows:
        parts = json.loads(key) if key.startswith("[") else [key]
        name = (resource, json.loads(written))
        assert name not in found, f"two keys of {resource} stand for one object"
        found[name] = parts[-1]
    return found


def named(
    account: Account, names: Names | None = None, streams: Iterable[str] = STREAMS
) -> Objects:
    """Every object with the source's ids in place of the account's, by stream and that id.

    What differs everywhere is left out. Without `names` the account is the source itself.
    """

    def name(resource: str, key: Any) -> str:
        return str(key) if names is None else names.get((resource, key), f"not copied: {key}")

    def told(value: Any) -> Any:
        if isinstance(value, list):
            return [told(one) for one in value]
        if not isinstance(value, dict):
            return value
        return {
            key: name(REFERENCES[key], inner) if key in REFERENCES and inner else told(inner)
            for key, inner in value.items()
            if key not in EVERYWHERE
        }

    found: Objects = {}
    for stream in streams:
        for row in account.objects(stream):
            key = (stream, name(stream, row["id"]))
            assert key not in found, f"{key} is there twice"
            found[key] = told(row)
    return found


def differences(ours: Any, theirs: Any, path: str = "") -> Iterator[str]:
    """The paths at which two values differ, as `items[].plan`."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(ours.keys() | theirs.keys()):
            at = f"{path}.{key}" if path else key
            yield from differences(ours.get(key), theirs.get(key), at)
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for one, other in zip(ours, theirs, strict=True):
            yield from differences(one, other, f"{path}[]")
    elif ours != theirs:
        yield path


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How one run of the pipe ended; the exit codes are negative after a signal."""

    tap: int
    target: int
    log: str


class Fuse(Faults):
    """Burns down with the requests of one server; then it kills, and spoils that request.

    To be given to the server as `before_request` and as `faults`.
    """

    def __init__(self) -> None:
        super().__init__([])
        self.burnt = 0
        self._left = 0
        self._burn: Callable[[], None] | None = None
        self._fault: Fault | None = None

    def light(self, requests: int, burn: Callable[[], None], fault: Fault | None = None) -> None:
        self._left, self._burn, self._spoil = requests, burn, fault

    def put_out(self) -> None:
        self._burn = None

    def __call__(self, account: Account, number: int, method: str, path: str) -> None:
        self._left -= 1
        if self._burn is not None and self._left <= 0:
            burn, self._burn, self._fault = self._burn, None, self._spoil
            self.burnt += 1
            burn()

    def next(self, method: str, path: str) -> Fault | None:
        fault, self._fault = self._fault, None
        return fault


@dataclass(kw_only=True)
class Pipe:
    """`tap | target`, run again and again, each time from the last whole STATE that came out.

    `states` are those of the latest run.
    """

    tap: list[str]
    target: list[str]
    environment: dict[str, str]
    folder: Path
    state: Any = None
    states: list[Any] = field(default_factory=list)
    on_state: Callable[[], None] = field(default=lambda: None)
    _running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    _started: Event = field(default_factory=Event)

    def kill(self, *whom: str) -> None:
        """SIGKILL for "tap", "target" or both; to be called while the pipe runs."""
        assert self._started.wait(START_TIMEOUT_S)
        for name in whom:
            self._running[name].kill()

    def run(self) -> Ended:
        """Until both ends have ended."""
        tap, self.states = list(self.tap), []
        if self.state is not None:
            (self.folder / "state.json").write_text(json.dumps(self.state))
            tap += ["--state", str(self.folder / "state.json")]
        with (self.folder / "pipe.log").open("w+b") as log, ExitStack() as room:
            upstream = self._start("tap", tap, room, stderr=log, stdin=subprocess.DEVNULL)
            downstream = self._start("target", self.target, room, stderr=log, stdin=upstream.stdout)
            assert upstream.stdout is not None and downstream.stdout is not None
            upstream.stdout.close()  # the target's alone now
            self._started.set()
            watchdog = Timer(PIPE_TIMEOUT_S, self.kill, ("tap", "target"))
            watchdog.start()
            for line in downstream.stdout:
                if line.endswith(b"\n"):
                    self.state = json.loads(line)
                    self.states.append(self.state)
                    self.on_state()
            codes = {name: process.wait() for name, process in self._running.items()}
            watchdog.cancel()
            watchdog.join()
            self._started.clear()
            log.seek(0)
            return Ended(**codes, log=log.read().decode())

    def _start(
        self, name: str, command: list[str], room: ExitStack, **files: Any
    ) -> "subprocess.Popen[bytes]":
        process = subprocess.Popen(command, stdout=subprocess.PIPE, env=self.environment, **files)
        room.callback(_end, process)
        self._running[name] = process
        return process


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(ProcessLookupError):
        process.kill()
    process.wait()
    if process.stdout:
        process.stdout.close()


@dataclass(kw_only=True)
class Copying:
    """An account, its copy that is being made, and the pipe between them."""

    source: Server
    copy: Server
    pipe: Pipe
    ledger: str

    @property
    def writes(self) -> int:
        """How many requests that write the copy was sent so far."""
        counts = self.copy.stats.by_path.items()
        return sum(count for path, count in counts if not path.startswith("GET "))

    @property
    def original(self) -> Objects:
        return named(self.source.account)

    @property
    def copied(self) -> Objects:
        """The copy by the source's ids. Fails if an object is there twice, or is not the copy's."""
        return named(self.copy.account, keys_in(self.ledger, self.copy.url))

    @property
    def undocumented(self) -> list[tuple[str, str, str]]:
        """Where objects differ from the source's although the page does not say so."""
        return [
            (*key, path)
            for key, path in self.differences
            if path not in DIFFERENCES.get(key[0], ())
        ]

    @property
    def differences(self) -> list[tuple[tuple[str, str], str]]:
        """Every attribute in which an object and its copy differ."""
        source, copy = self.original, self.copied
        shared = [key for key in source if key in copy]
        return [(key, path) for key in shared for path in differences(source[key], copy[key])]


@pytest.fixture
def copying(
    tmp_path: Path,
    clock: Any,
    environment: dict[str, str],
    catalog_of: Callable[..., dict[str, Any]],
) -> Iterator[Callable[..., Copying]]:
    """Begins a copy of an account into an empty one, as docs/copying.md says.

    `at_source` and `at_copy` are what the servers are to be given, `settings` the target's.
    """
    with ExitStack() as room:

        def begin(
            source: Account,
            *,
            at_source: Mapping[str, Any] | None = None,
            at_copy: Mapping[str, Any] | None = None,
            of_tap: Mapping[str, Any] | None = None,
            folder: str = "copy",
            **settings: Any,
        ) -> Copying:
            home = tmp_path / folder
            home.mkdir()
            left = room.enter_context(Server(source, **(at_source or {})))
            empty = Account(now=clock, api_key=API_KEY)
            right = room.enter_context(Server(empty, **(at_copy or {})))
            catalog = catalog_of(*STREAMS)
            for stream in catalog["streams"]:
                (mark,) = [mark for mark in stream["metadata"] if not mark["breadcrumb"]]
                mark["metadata"]["selected"] = True
            common = {"api_key": API_KEY, "max_retry_seconds": 30}
            tap = {**common, "base_url": left.url, "start_date": "2010-01-01", **(of_tap or {})}
            target = {
                **common,
                "base_url": right.url,
                "ids": "external",
                "ledger": f"sqlite:///{home}/ledger.db",
                "allow_side_effects": ["autopay"],
                **settings,
            }
            for name, content in (("catalog", catalog), ("tap", tap), ("target", target)):
                (home / f"{name}.json").write_text(json.dumps(content))
            pipe = Pipe(
                tap=_command(home, "tap_invoiced", "tap", "--catalog", str(home / "catalog.json")),
                target=_command(home, "target_invoiced", "target"),
                environment=environment,
                folder=home,
            )
            return Copying(source=left, copy=right, pipe=pipe, ledger=target["ledger"])

        yield begin


def _command(home: Path, module: str, config: str, *more: str) -> list[str]:
    return [sys.executable, "-m", module, "--config", str(home / f"{config}.json"), *more]


@pytest.fixture
def piping(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Pipe]:
    """A pipe into an account from whatever stands for a tap. Keyword arguments are settings."""

    def begin(server: Server, **settings: Any) -> Pipe:
        ledger = f"sqlite:///{tmp_path}/ledger.db"
        common = {"api_key": API_KEY, "base_url": server.url, "max_retry_seconds": 30}
        (tmp_path / "target.json").write_text(json.dumps({**common, "ledger": ledger, **settings}))
        target = _command(tmp_path, "target_invoiced", "target")
        return Pipe(tap=[], target=target, environment=environment, folder=tmp_path)

    return begin


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server of our own on loopback, with the database to be added.

    Skips where no server is installed (Debian: apt-get install postgresql).
    """
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    if not programs:
        pytest.skip("no PostgreSQL server is installed: apt-get install postgresql")
    with tempfile.TemporaryDirectory(prefix="postgresql-") as folder:
        home = Path(folder)
        # The server refuses to run as root.
        root = os.getuid() == 0
        if root:
            shutil.chown(home, "postgres")

        def run(program: str, *arguments: str) -> None:
            command = [str(programs[-1].with_name(program)), "-D", str(home / "data"), *arguments]
            with (home.parent / f"{home.name}.log").open("ab") as log:
                subprocess.run(
                    command,
                    check=True,
                    timeout=60,
                    cwd=home,
                    user="postgres" if root else None,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )

        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            port = taken.getsockname()[1]
        options = f"-h 127.0.0.1 -p {port} -k {home}"
        run("initdb", "--auth", "trust", "--username", "postgres", "--no-sync")
        run("pg_ctl", "--wait", "--options", options, "start")
        try:
            yield f"postgresql://postgres@127.0.0.1:{port}"
        finally:
            run("pg_ctl", "--wait", "--mode", "immediate", "stop")
            (home.parent / f"{home.name}.log").unlink()


@pytest.fixture
def database(postgresql: str) -> str:
    """The URL of an empty database."""
    name = f"ledger_{uuid.uuid4().hex}"
    address = postgresql.replace("postgresql:", "postgresql+psycopg:")
    engine = sa.create_engine(f"{address}/postgres", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    engine.dispose()
    return f"{postgresql}/{name}"


@pytest.fixture
def fuse() -> type[Fuse]:
    return Fuse


@pytest.fixture
def documented() -> dict[str, tuple[str, ...]]:
    """What may differ between an account and its copy, by stream."""
    return DIFFERENCES


def with_a_voided_payment(account: Account) -> Account:
    unapplied = [row for row in account.objects("payments") if not row["applied_to"]]
    account.edit("payments", unapplied[0]["id"], voided=True)
    return account


@pytest.fixture
def shop(clock: Any) -> Account:
    """A small account with every kind of object in it."""
    return with_a_voided_payment(seeded(customers=6, seed=7, now=clock, api_key=API_KEY))


@pytest.fixture
def company(clock: Any) -> Account:
    """An account large enough for every way in which objects differ from their copies."""
    return with_a_voided_payment(seeded(customers=80, seed=1, now=clock, api_key=API_KEY))


@pytest.fixture
def copied_streams() -> list[str]:
    return STREAMS


@pytest.fixture
def whole_copy(shop: Account, copying: Callable[..., Copying]) -> Copying:
    """The small account, copied without any interruption."""
    copy = copying(shop, folder="whole")
    assert copy.pipe.run().target == 0
    return copy
