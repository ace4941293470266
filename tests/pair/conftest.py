"""Two servers, a pipe between them, and a comparison: a copy of an account."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from invoiced_emulator import Account, Server, seeded
from tests.pair.comparison import DIFFERENCES, STREAMS, Objects, differences, keys_in, named
from tests.pair.pipes import Fuse, Pipe

API_KEY = "emulator-key"


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
        """The undocumented differences between the objects and those of the source."""
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
            files = {"catalog": _selected(catalog_of(*STREAMS)), "tap": tap, "target": target}
            for name, content in files.items():
                (home / f"{name}.json").write_text(json.dumps(content))
            pipe = _pipe(home, environment)
            return Copying(source=left, copy=right, pipe=pipe, ledger=target["ledger"])

        yield begin


def _selected(catalog: dict[str, Any]) -> dict[str, Any]:
    """The catalog, with all of its streams selected."""
    for stream in catalog["streams"]:
        (mark,) = [mark for mark in stream["metadata"] if not mark["breadcrumb"]]
        mark["metadata"]["selected"] = True
    return catalog


def _pipe(home: Path, environment: dict[str, str]) -> Pipe:
    return Pipe(
        tap=_command(home, "tap_invoiced", "tap", "--catalog", str(home / "catalog.json")),
        target=_command(home, "target_invoiced", "target"),
        environment=environment,
        folder=home,
    )


def _command(home: Path, module: str, config: str, *more: str) -> list[str]:
    return [sys.executable, "-m", module, "--config", str(home / f"{config}.json"), *more]


@pytest.fixture
def piping(tmp_path: Path, environment: dict[str, str]) -> Callable[..., Pipe]:
    """A pipe into an account from any command. Keyword arguments are settings."""

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
