"""Singer messages, short to write."""

import json
import os
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeGuard

import pytest

from invoiced_emulator import Account, Faults, Server

Message = dict[str, Any]


class Singer:
    """Messages of a tap. A SCHEMA holds only the properties that it is given."""

    @staticmethod
    def schema(
        stream: str, *required: str, key: Sequence[str] = ("id",), **columns: Any
    ) -> Message:
        schema = {"type": "object", "properties": columns}
        if required:
            schema["required"] = list(required)
        return {"type": "SCHEMA", "stream": stream, "schema": schema, "key_properties": list(key)}

    @staticmethod
    def record(stream: str, **attributes: Any) -> Message:
        return {"type": "RECORD", "stream": stream, "record": attributes}

    @staticmethod
    def state(value: Any) -> Message:
        return {"type": "STATE", "value": value}

    def stream(self, name: str, *records: Message, key: Sequence[str] = ("id",)) -> list[Message]:
        """A SCHEMA and its records."""
        return [self.schema(name, key=key), *(self.record(name, **record) for record in records)]

    @staticmethod
    def version(
        stream: str, number: int, *records: Message, key: Sequence[str] = ("id",)
    ) -> list[Message]:
        """A whole version of a table."""
        head = {"stream": stream, "version": number}
        return [
            Singer.schema(stream, key=key),
            *({"type": "RECORD", **head, "record": record} for record in records),
            {"type": "ACTIVATE_VERSION", **head},
        ]


@pytest.fixture
def singer() -> Singer:
    return Singer()


@pytest.fixture
def card() -> str:
    """A full card number, computed, since none is written down here."""
    digits = "4" + "24" * 7
    doubled = sum(sum(divmod(2 * int(digit), 10)) for digit in digits[::-2])
    return digits + str(-(doubled + sum(map(int, digits[-2::-2]))) % 10)


@pytest.fixture
def writes() -> Callable[[Server], list[tuple[str, str]]]:
    """The requests that were to change something: methods and paths in the order of arrival."""

    def made(server: Server) -> list[tuple[str, str]]:
        return [(one.method, one.path) for one in server.requests if one.method != "GET"]

    return made


# Read by every Python that starts with it on its path: the time of day is later there.
LATER = """
import os, time

_now, _later = time.time, float(os.environ["SECONDS_LATER"])
time.time = lambda: _now() + _later
"""


@pytest.fixture
def later(tmp_path: Path, clock: Any) -> Callable[[float], dict[str, str]]:
    """Lets hours pass: for the emulator at once, for a command by the environment returned."""
    total = 0.0

    def pass_by(hours: float) -> dict[str, str]:
        nonlocal total
        total += hours * 3600
        clock.seconds += int(hours * 3600)
        folder = tmp_path / "later"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(LATER)
        path = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))
        return {"PYTHONPATH": path, "SECONDS_LATER": str(total)}

    return pass_by


# Sleeping takes no time there: the clock moves on at once.
HURRY = """
import time

_monotonic, _slept = time.monotonic, [0.0]

def _sleep(seconds):
    _slept[0] += max(0.0, seconds)

time.sleep = _sleep
time.monotonic = lambda: _monotonic() + _slept[0]
"""


@pytest.fixture
def without_waits(tmp_path: Path) -> dict[str, str]:
    """The environment of a command that waits for nothing but responses."""
    folder = tmp_path / "without-waits"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(HURRY)
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture
def rejects_in() -> Callable[[Path], list[Message]]:
    """The RECORD messages of a file of rejects."""

    def read(file: Path) -> list[Message]:
        lines = map(json.loads, file.read_text().splitlines()) if file.exists() else ()
        return [line for line in lines if line["type"] == "RECORD"]

    return read


# The inputs of these modules also go through a dry run first, whose calls are compared with those
# of the real run. With COMPARE_DRY_RUNS in the environment those of all modules do.
COMPARED = ("test_mirror_limits", "test_object_identity", "test_write_order")


@pytest.fixture
def run_target(
    run_target: Callable[..., Any], request: pytest.FixtureRequest
) -> Callable[..., Any]:
    """Runs the target; see `tests/conftest.py`, and `COMPARED`."""
    module = request.node.path.stem
    if module not in COMPARED and not os.environ.get("COMPARE_DRY_RUNS"):
        return run_target

    def run(server: Server | None, messages: Any, *arguments: str, **settings: Any) -> Any:
        if not _is_honest(server) or {"--dry-run", "--test", "--check"} & {*arguments}:
            return run_target(server, messages, *arguments, **settings)
        seen = len(server.requests)
        shown = run_target(server, messages, "--dry-run", *arguments, **settings)
        while len(server.requests) > seen:
            server.requests.pop()  # what a test counts is its own
        real = run_target(server, messages, *arguments, **settings)
        sent = [one for one in list(server.requests)[seen:] if one.method != "GET"]
        planned = map(json.loads, shown.stdout.splitlines())
        assert Counter(
            _without_ids(one["method"], one["url"].removeprefix(server.url)) for one in planned
        ) == Counter(_without_ids(one.method, one.path) for one in sent), "the dry run differs"
        return real

    return run


def _is_honest(server: Server | None) -> TypeGuard[Server]:
    """Whether the server does nothing that a dry run could not foresee."""
    app = server._app if isinstance(server, Server) else None
    return app is not None and not app.faults and not app.before_request


def _without_ids(method: str, path: str) -> tuple[str, str]:
    """A call without the ids of objects, which a dry run can only make up."""
    words = path.split("/")
    return method, "/".join(
        ":id" if word.isdecimal() or word.startswith("new-") else word for word in words
    )


@pytest.fixture
def load(run_target: Callable[..., Any], server: Server) -> Callable[..., Any]:
    """Runs the target over messages, all of whose records have to be accepted.

    Files that need more define their own.
    """

    def run(*messages: Message, **settings: Any) -> Any:
        done = run_target(server, list(messages), **settings)
        assert done.exit_code == 0, done.stderr
        return done

    return run


SLOW_S = 0.6


@pytest.fixture
def load_slowly(account: Account, run_target: Callable[..., Any]) -> Callable[..., Any]:
    """Runs the target while the first request with this method and path is slow.

    Returns the run and the writes in the order in which they were answered.
    """
    port = 0

    def run(
        messages: Sequence[Message], method: str = "GET", path: str = "/never", **settings: Any
    ) -> tuple[Any, list[str]]:
        nonlocal port
        slow = {"kind": "stall", "seconds": SLOW_S, "methods": [method], "path": path, "times": 1}
        with Server(account, port=port, faults=Faults([slow])) as server:
            port = server.port  # the same account is at the same address
            done = run_target(server, messages, **{"max_rejects": -1, **settings})
            assert done.exit_code == 0, done.stderr
            writes = [one for one in server.requests if one.method != "GET"]
            return done, [f"{one.method} {one.path}" for one in writes]

    return run
