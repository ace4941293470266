"""The tools that the pair works with, each in an environment of its own: `make e2e` makes them."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

import invoiced_schemas
from invoiced_emulator import Account, Server

ROOT = Path(__file__).parents[2]
API_KEY = "emulator-key"
STREAMS = ("customers", "subscriptions", "invoices", "estimates", "credit_notes", "transactions")
RUN_TIMEOUT_S = 100
TARGET = Path(sys.executable).with_name("target-invoiced")


def tool(environment: str, command: str) -> Path:
    found = ROOT / ".venv-e2e" / environment / "bin" / command
    assert found.exists(), f"{found} is missing: make e2e installs it"
    return found


@pytest.fixture(scope="session")
def tools() -> Callable[[str, str], Path]:
    """`tools("singer-tools", "singer-check-tap")`: a command's path."""
    return tool


# PostgreSQL


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server on loopback that trusts everyone."""

    port: int
    programs: Path
    user: str = "postgres"

    def query(self, database: str, sql: str) -> list[dict[str, Any]]:
        """The rows of a SELECT, numbers as PostgreSQL writes them."""
        rows = self.execute(database, f"SELECT coalesce(json_agg(t), '[]') FROM ({sql}) AS t")
        return list(json.loads(rows, parse_float=Decimal, parse_int=Decimal))

    def execute(self, database: str, sql: str) -> str:
        where = ("--host=127.0.0.1", f"--port={self.port}", f"--username={self.user}")
        psql = (self.programs / "psql", *where, "--no-psqlrc", "--tuples-only", "--no-align")
        done = subprocess.run(
            [*psql, "--set=ON_ERROR_STOP=1", f"--dbname={database}", "--file=-"],
            input=sql.encode(),
            capture_output=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode()


def programs_of_postgresql() -> Path:
    """Where Debian keeps its newest server, else what the PATH has."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda one: int(one.parts[4])
    )
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    assert initdb, "PostgreSQL's initdb is missing: make e2e says how to get it"
    return Path(initdb).resolve().parent


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """It refuses to be run by root, so that root lends it to the user `postgres`."""
    programs = programs_of_postgresql()
    server = Postgres(port=free_port(), programs=programs)
    as_user: dict[str, Any] = {"user": "postgres"} if os.geteuid() == 0 else {}
    home = Path(tempfile.mkdtemp(prefix="e2e-postgres-"))
    try:
        if as_user:
            shutil.chown(home, user="postgres")
        data = str(home / "data")
        subprocess.run(
            [programs / "initdb", "-D", data, "--auth=trust", "--username=postgres", "--no-sync"],
            check=True,
            capture_output=True,
            timeout=60,
            cwd=home,
            **as_user,
        )
        options = f"-h 127.0.0.1 -p {server.port} -k {home} -F".split()
        with (
            (home / "log").open("w") as log,
            subprocess.Popen(
                [programs / "postgres", "-D", data, *options], stderr=log, cwd=home, **as_user
            ) as process,
        ):
            try:
                ready = [programs / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(server.port)]
                deadline = time.monotonic() + 30
                while subprocess.run(ready, check=False, timeout=10).returncode:
                    assert time.monotonic() < deadline, (home / "log").read_text()
                    time.sleep(0.1)
                yield server
            finally:
                process.send_signal(3)  # SIGQUIT: at once, there is nothing to keep
                process.wait(30)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """An empty database, named for the test."""
    name = f"e2e_{abs(hash(request.node.nodeid))}"
    postgres.execute("postgres", f"CREATE DATABASE {name}")
    yield name
    postgres.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")


def as_stored(value: Any, schema: Mapping[str, Any]) -> Any:
    """What the API shows, with each moment as a datetime and each number in its own digits."""
    if value is None:
        return None
    if schema.get("format") == "date-time":
        if isinstance(value, int):
            return datetime.fromtimestamp(value, timezone.utc)
        moment = datetime.fromisoformat(value.replace("Z", "+00:00"))
        return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    if isinstance(value, list):
        return [as_stored(one, schema["items"]) for one in value]
    if isinstance(value, dict) and "properties" in schema:
        return {key: as_stored(one, schema["properties"][key]) for key, one in value.items()}
    if isinstance(value, int | float) and not isinstance(value, bool):
        return Decimal(repr(value))
    return value


@dataclass(frozen=True, kw_only=True)
class Warehouse:
    """A database that target-postgres fills."""

    postgres: Postgres
    database: str
    schema: str = "invoiced"

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.postgres.port}/{self.database}"

    @property
    def variables(self) -> dict[str, str]:
        """The plugin's definition for Meltano."""
        return {
            "TARGET_POSTGRES_SQLALCHEMY_URL": self.url,
            "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": self.schema,
        }

    def query(self, sql: str) -> list[dict[str, Any]]:
        return self.postgres.query(self.database, sql)

    def rows(self, stream: str, *, deleted: bool = False) -> list[dict[str, Any]]:
        """The rows in the order of their ids, without the columns that targets add."""
        found = self.query(f"SELECT * FROM {self.schema}.{stream} ORDER BY id")
        return [
            {key: value for key, value in row.items() if not key.startswith("_sdc_")}
            for row in found
            if (row.get("_sdc_deleted_at") is not None) == deleted
        ]

    def is_the_account(self, account: Account, streams: tuple[str, ...] = STREAMS) -> None:
        """Every object is one row, and every value of it the API's; nothing else is there."""
        for stream in streams:
            schema = invoiced_schemas.load(stream)
            columns = schema["properties"]
            stored = [as_stored(row, schema) for row in self.rows(stream)]
            shown = [as_stored(row, schema) for row in account.objects(stream)]
            empty = {key: None for key in columns if not key.startswith("_sdc_")}
            assert stored == [empty | row for row in shown], stream


@pytest.fixture
def warehouse(postgres: Postgres, database: str) -> Warehouse:
    return Warehouse(postgres=postgres, database=database)


# Meltano


@dataclass(frozen=True, kw_only=True)
class Meltano:
    """A copy of this repository, in which Meltano finds the project that meltano.yml declares."""

    home: Path
    environment: Mapping[str, str] = field(repr=False)

    def start(self, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
        """stdout and stderr together, in a process group of its own."""
        return subprocess.Popen(
            [tool("meltano", "meltano"), *arguments],
            cwd=self.home,
            env={**self.environment, **variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def __call__(self, *arguments: str, fails: bool = False, **variables: str) -> str:
        """What it printed. Keyword arguments in capitals are environment variables."""
        with self.start(*arguments, **variables) as process:
            try:
                shown, _ = process.communicate(timeout=RUN_TIMEOUT_S)
            finally:
                process.kill()
        assert (process.returncode != 0) == fails, shown
        return shown


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Meltano:
    """The repository as a user has it cloned; plugins that are only for tests are added later."""
    home = tmp_path_factory.mktemp("meltano") / "clone"
    left_out = shutil.ignore_patterns(
        ".*", "*.egg-info", "__pycache__", "tests", "benchmarks", "*output"
    )
    shutil.copytree(ROOT, home, ignore=left_out)
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("TAP_", "TARGET_", "INVOICED_", "LOGLEVEL", "MELTANO_", "SINGER_"))
    }
    return Meltano(home=home, environment=kept | {"NO_COLOR": "1", "COLUMNS": "200"})


# Plugins that are only for tests: (type, name, executable, settings with their kinds).
OTHERS = (
    (
        "extractor",
        "tap-csv-folder",
        ("tap-csv-folder", "tap-csv-folder"),
        {"path": "string", "read_mode": "string", "filesystem": "string"},
    ),
)


@pytest.fixture(scope="session")
def installed(project: Meltano) -> Meltano:
    """After `meltano install` of the project as it stands, the plugins of the tests added then."""
    project("install")
    assert (project.home / "meltano.yml").read_text() == (ROOT / "meltano.yml").read_text()
    for kind, name, (environment, command), settings in OTHERS:
        definition = {
            "name": name,
            "namespace": name.replace("-", "_"),
            "variant": "e2e",
            "executable": str(tool(environment, command)),
            # None: this old tap cannot take back the catalog that it discovers.
            "capabilities": [],
            "settings": [{"name": key, "kind": kind_of} for key, kind_of in settings.items()],
        }
        path = project.home / f"{name}.yml"
        path.write_text(json.dumps(definition))  # JSON is YAML
        project("add", "--plugin-type", kind, "--no-install", name, "--from-ref", str(path))
    return project


@pytest.fixture
def meltano(installed: Meltano, business_server: Server) -> Iterator[Meltano]:
    """Meltano, with the emulator of the test for an account; meltano.yml is put back behind it."""
    url = business_server.url
    reach = {"TAP_INVOICED_BASE_URL": url, "TARGET_INVOICED_BASE_URL": url}
    since = {"TAP_INVOICED_START_DATE": "2020-01-01"}
    project = installed.home / "meltano.yml"
    before = project.read_text()
    yield Meltano(home=installed.home, environment={**installed.environment, **reach, **since})
    project.write_text(before)


# The target


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """The output and the exit code of a run of `target-invoiced`."""

    exit_code: int
    states: list[Any]
    log: str
    writes: list[str]

    @property
    def complaint(self) -> str:
        """The one line that says why the run failed."""
        assert "Traceback" not in self.log
        (line,) = [line for line in self.log.splitlines() if line.startswith("CRITICAL ")]
        return line.removeprefix("CRITICAL ")


@pytest.fixture
def load(
    config: Callable[..., Path], server: Server, environment: dict[str, str], tmp_path: Path
) -> Callable[..., Loaded]:
    """Pipes messages into the command, for the empty account. Keyword arguments are settings."""

    def run(messages: bytes, *arguments: str, **settings: Any) -> Loaded:
        settings = {"ledger": f"sqlite:///{tmp_path}/ledger.db", **settings}
        before = len(server.requests)
        done = subprocess.run(
            [TARGET, "--config", config(server, **settings), *arguments],
            input=messages,
            capture_output=True,
            env=environment,
            timeout=RUN_TIMEOUT_S,
            check=False,
        )
        made = list(server.requests)[before:]
        return Loaded(
            exit_code=done.returncode,
            states=[json.loads(line) for line in done.stdout.splitlines()],
            log=done.stderr.decode(),
            writes=[f"{one.method} {one.path}" for one in made if one.method != "GET"],
        )

    return run
