"""A run may be told to stop at any moment, and more than once."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from invoiced_emulator import Account, Server

TERM, INT = signal.SIGTERM, signal.SIGINT
TEN_MS = 0.01


def wait_until_it_listens(pid: int) -> None:
    """Until the process handles SIGTERM itself. Linux tells; elsewhere a moment must do."""
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


def told_to_stop(
    command: list[str],
    environment: dict[str, str],
    told: tuple[signal.Signals, ...],
    after_s: float,
) -> tuple[int, bytes, str]:
    """Exit code, stdout and stderr of a command that gets these signals, 10 ms apart."""
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe) as process:

        def tell() -> None:
            wait_until_it_listens(process.pid)
            time.sleep(after_s)
            for signum in told:
                process.send_signal(signum)  # does nothing once it has ended
                time.sleep(TEN_MS)

        teller = threading.Thread(target=tell)
        teller.start()
        try:
            out, log = process.communicate(timeout=30)
        finally:
            process.kill()
            teller.join()
    return process.returncode, out, log.decode()


def says_one_of(told: tuple[signal.Signals, ...], code: int, log: str) -> None:
    """On a busy machine they may all be pending, and come in the order of their numbers."""
    by_code = {128 + one: one.name for one in told}
    assert code in by_code, log
    assert log.splitlines()[-1] == f"CRITICAL stopped by {by_code[code]}"
    assert log.count("CRITICAL") == 1


@pytest.mark.parametrize(
    "told",
    [(TERM, TERM), (TERM, INT), (INT, INT, TERM), (TERM,) * 20],
    ids=["SIGTERM-twice", "SIGINT-after-SIGTERM", "an-impatient-user", "many"],
)
def test_told_more_than_once_the_tap_ends_as_if_told_once(
    told: tuple[signal.Signals, ...],
    business: Account,
    config: Callable[..., Path],
    environment: dict[str, str],
) -> None:
    """Orchestrators send SIGTERM twice, or SIGINT behind it; it may hit the last words."""
    rng = random.Random(20260301)
    with Server(business, latency_s=0.01) as server:
        settings = config(server, start_date="2020-01-01", page_size=5, max_connections=1)
        command = [sys.executable, "-m", "tap_invoiced", "--config", str(settings)]
        for _ in range(4):
            after_s = rng.uniform(0, 1)
            code, out, log = told_to_stop(command, environment, told, after_s)
            says_one_of(told, code, log)
            assert "Traceback" not in log
            if out:
                assert json.loads(out.splitlines()[-1])["type"] == "STATE"


def test_told_while_it_waits_for_input_the_target_ends_at_once(
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
    says_one_of((TERM, INT), process.returncode, log.decode())


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
