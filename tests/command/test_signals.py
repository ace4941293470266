"""A run may be asked to stop at any moment, and more than once."""

import fcntl
import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from invoiced_emulator import Account, Server

TERM, INT = signal.SIGTERM, signal.SIGINT
TEN_MS = 0.01


def wait_until_it_listens(pid: int) -> None:
    """Waits until the process handles SIGTERM. Only Linux shows this; elsewhere, two seconds."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        time.sleep(2)
        return
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        (caught,) = re.findall(r"^SigCgt:\t(\w+)$", status.read_text(), re.MULTILINE)
        if int(caught, 16) >> (TERM - 1) & 1:
            return
        time.sleep(TEN_MS)
    raise AssertionError("SIGTERM is never handled")


def signalled(
    command: list[str],
    environment: dict[str, str],
    signals: tuple[signal.Signals, ...],
    after_s: float,
) -> tuple[int, bytes, str]:
    """Exit code, stdout and stderr of a command that gets these signals, 10 ms apart."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe) as process:

        def send() -> None:
            wait_until_it_listens(process.pid)
            time.sleep(after_s)
            for signum in signals:
                process.send_signal(signum)  # does nothing once it has ended
                time.sleep(TEN_MS)

        sender = threading.Thread(target=send)
        sender.start()
        try:
            out, log = process.communicate(timeout=30)
        finally:
            process.kill()
            sender.join()
    return process.returncode, out, log.decode()


def names_one_of(signals: tuple[signal.Signals, ...], code: int, log: str) -> None:
    """On a busy machine they may all be pending, and come in the order of their numbers."""
    by_code = {128 + one: one.name for one in signals}
    assert code in by_code, log
    assert log.splitlines()[-1] == f"CRITICAL stopped by {by_code[code]}"
    assert log.count("CRITICAL") == 1


@pytest.mark.parametrize(
    "signals",
    [(TERM, TERM), (TERM, INT), (INT, INT, TERM), (TERM,) * 20],
    ids=["SIGTERM-twice", "SIGINT-after-SIGTERM", "an-impatient-user", "many"],
)
def test_several_signals_end_the_tap_like_one(
    signals: tuple[signal.Signals, ...],
    business: Account,
    config: Callable[..., Path],
    environment: dict[str, str],
) -> None:
    """Orchestrators send SIGTERM twice, or then SIGINT, also while the last lines are written."""
    rng = random.Random(20260301)
    with Server(business, latency_s=0.01) as server:
        settings = config(server, start_date="2020-01-01", page_size=5, max_connections=1)
        command = [sys.executable, "-m", "tap_invoiced", "--config", str(settings)]
        for _ in range(4):
            after_s = rng.uniform(0, 1)
            code, out, log = signalled(command, environment, signals, after_s)
            names_one_of(signals, code, log)
            assert "Traceback" not in log
            if out:
                assert json.loads(out.splitlines()[-1])["type"] == "STATE"


def test_a_signal_ends_a_target_that_waits_for_input(
    server: Server, config: Callable[..., Path], environment: dict[str, str], tmp_path: Path
) -> None:
    read, write = os.pipe()  # stays open: there might be more to come
    command = [sys.executable, "-m", "target_invoiced", "--config", str(config(server))]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdin=read,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        wait_until_it_listens(process.pid)
        time.sleep(0.5)  # it reads its config, and then its input
        for signum in (TERM, TERM, INT):
            process.send_signal(signum)
            time.sleep(TEN_MS)
        out, log = process.communicate(timeout=10)
    os.close(read)
    os.close(write)
    assert out == b""
    names_one_of((TERM, INT), process.returncode, log.decode())


SLOW_START = """
import sys, time
class Slow:
    def find_spec(self, name, path=None, target=None):
        if name == "requests":
            print("under way", file=sys.stderr, flush=True)
            time.sleep(10)
sys.meta_path.insert(0, Slow())
"""


@pytest.mark.parametrize("module", ["tap_invoiced", "target_invoiced"])
def test_ctrl_c_while_it_starts_leaves_no_traceback(
    module: str,
    server: Server,
    config: Callable[..., Path],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    (tmp_path / "sitecustomize.py").write_text(SLOW_START)
    command = [sys.executable, "-m", module, "--config", str(config(server))]
    with subprocess.Popen(
        command,
        env=environment | {"PYTHONPATH": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"under way\n"
        process.send_signal(INT)
        log = process.stderr.read()
    assert process.returncode == -INT
    assert log == b""


NO_ALARM = """
import signal
for name in ("SIGALRM", "ITIMER_REAL", "setitimer"):
    delattr(signal, name)
"""


def assert_ends_soon_though_nobody_reads(
    command: list[str], environment: dict[str, str], signals: tuple[signal.Signals, ...]
) -> None:
    """Signals come once the command has filled a pipe that nobody reads."""
    read, write = os.pipe()
    with subprocess.Popen(
        command, env=environment, stdout=write, stderr=subprocess.PIPE
    ) as process:
        os.close(write)
        wait_until_it_is_full(read)
        began = time.monotonic()
        for signum in signals:
            process.send_signal(signum)
            time.sleep(TEN_MS)
        try:
            _, log = process.communicate(timeout=20)
        finally:
            process.kill()
        seconds = time.monotonic() - began
    os.close(read)
    names_one_of(signals, process.returncode, log.decode())
    assert seconds < 7  # five, and some for a busy machine


@pytest.mark.parametrize("alarm", [True, False], ids=["with-SIGALRM", "as-on-Windows"])
@pytest.mark.parametrize(
    "signals", [(TERM,), (TERM, TERM), (INT, TERM)], ids=["once", "twice", "both"]
)
def test_stopped_while_nobody_reads_stdout_the_tap_ends_within_five_seconds(
    alarm: bool,
    signals: tuple[signal.Signals, ...],
    account: Account,
    config: Callable[..., Path],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    for number in range(1_500):
        account.add("customers", name=f"Customer {number}", notes="x" * 500)
    if not alarm:
        (tmp_path / "sitecustomize.py").write_text(NO_ALARM)
        environment = environment | {"PYTHONPATH": str(tmp_path)}
    with Server(account) as server:
        settings = config(server, start_date="2020-01-01")
        command = [sys.executable, "-m", "tap_invoiced", "--config", str(settings)]
        assert_ends_soon_though_nobody_reads(command, environment, signals)


@pytest.mark.parametrize("signals", [(TERM,), (INT, TERM)], ids=["once", "both"])
def test_stopped_while_nobody_reads_stdout_the_target_ends_within_five_seconds(
    signals: tuple[signal.Signals, ...],
    config: Callable[..., Path],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    """Its STATEs fill the pipe, and the thread that writes them also handles the signal."""
    state = json.dumps({"type": "STATE", "value": {"position": "x" * 2_000}})
    (tmp_path / "input").write_text(f"{state}\n" * 500)
    settings = config(None, base_url="http://127.0.0.1:1", ledger=f"sqlite:///{tmp_path}/l.db")
    command = [sys.executable, "-m", "target_invoiced", "--config", str(settings)]
    command += ["--input", str(tmp_path / "input")]
    assert_ends_soon_though_nobody_reads(command, environment, signals)


def wait_until_it_is_full(read: int) -> None:
    """Fills a pipe, so that its writer is blocked."""
    deadline = time.monotonic() + 30
    before = -1
    while time.monotonic() < deadline:
        found = struct.unpack("i", fcntl.ioctl(read, termios.FIONREAD, b"\0" * 4))[0]
        if found and found == before:
            return
        before = found
        time.sleep(0.3)
    raise AssertionError("the pipe is never full")


@contextmanager
def stopped_at_a_full_pipe(
    account: Account, config: Callable[..., Path], environment: dict[str, str]
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A tap that got SIGTERM while its stdout was full, and that stdout."""
    with Server(account) as server:
        settings = config(server, start_date="2020-01-01")
        command = [sys.executable, "-m", "tap_invoiced", "--config", str(settings)]
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            wait_until_it_is_full(process.stdout.fileno())
            process.send_signal(TERM)
            yield process, process.stdout


def test_a_reader_that_pauses_after_the_signal_gets_whole_lines_and_a_last_state(
    account: Account, config: Callable[..., Path], environment: dict[str, str]
) -> None:
    """What was written before the pause is not written again, nor is a line cut in half."""
    for number in range(1_500):
        account.add("customers", name=f"Customer {number}", notes="x" * 500)
    with stopped_at_a_full_pipe(account, config, environment) as (process, _):
        time.sleep(1)
        out, log = process.communicate(timeout=20)
    names_one_of((TERM,), process.returncode, log.decode())
    messages = [json.loads(line) for line in out.splitlines()]
    assert messages[-1]["type"] == "STATE"
    ids = [one["record"]["id"] for one in messages if one["type"] == "RECORD"]
    assert len(ids) == len(set(ids))


def test_a_slow_reader_gets_whole_lines_after_the_signal(
    account: Account, config: Callable[..., Path], environment: dict[str, str]
) -> None:
    """Not all that is left comes out in time. Then it ends with a line, and no later STATE."""
    for number in range(300):
        account.add("customers", name=f"Customer {number}", notes="x" * 5_000)
    with stopped_at_a_full_pipe(account, config, environment) as (process, stdout):
        out = b""
        while process.poll() is None:  # 40 KB a second
            out += os.read(stdout.fileno(), 2_000)
            time.sleep(0.05)
        rest, log = process.communicate(timeout=20)
    names_one_of((TERM,), process.returncode, log.decode())
    lines = (out + rest).splitlines(keepends=True)
    assert lines[-1].endswith(b"\n")
    messages = [json.loads(line) for line in lines]
    shown = max(one["record"]["updated_at"] for one in messages if "record" in one)
    states = [one["value"]["bookmarks"] for one in messages if one["type"] == "STATE"]
    assert all(one["customers"]["updated_at"] <= shown for one in states)
