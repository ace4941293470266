"""A run takes little memory however much comes again, and ends soon when it is asked to."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time

import pytest
from werkzeug import Response

MB = 1 << 20
RECORDS = 60_000
# What may be added to the memory of a run over nothing: 200,000 records are to fit in 120 MB.
ROOM_MB = 25
PATIENCE_S = 5
# Prints the greatest memory that the command took, in kilobytes. Not ru_maxrss, which begins with
# the peak of the process that started this one.
MEASURED = r"""
import re, sys
from pathlib import Path
from target_invoiced.__main__ import main
sys.argv[0] = "target-invoiced"
code = main()
status = Path("/proc/self/status").read_text()
print("peak", re.search(r"VmHWM:\s+(\d+)", status)[1], file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def peak_mb(config, environment, tmp_path, httpserver):
    """Runs the target over a file, in batches to a server that takes all; its peak of memory."""
    httpserver.expect_request("/lists").respond_with_handler(
        lambda request: Response("{}", 201, content_type="application/json")
    )
    streams = {"own": {"method": "POST", "path": "/lists", "batch_size": 100}}
    ledger = f"sqlite:///{tmp_path}/ledger.db"
    path = config(base_url=httpserver.url_for("").rstrip("/"), streams=streams, ledger=ledger)

    def run(lines):
        file = tmp_path / "input.singer"
        file.write_bytes(lines)
        command = [sys.executable, "-c", MEASURED, "--config", str(path), "--input", str(file)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stderr
        (peak,) = [line for line in done.stderr.splitlines() if line.startswith("peak ")]
        return int(peak.split()[1]) * 1024 / MB

    return run


@pytest.mark.timeout(400)
def test_a_replay_of_one_long_segment_takes_little_memory(peak_mb, singer):
    nothing = peak_mb(b"")
    head = json.dumps(singer.schema("own", key=())).encode() + b"\n"
    records = b"".join(
        json.dumps(singer.record("own", n=number, text="x" * 60)).encode() + b"\n"
        for number in range(RECORDS)
    )
    assert peak_mb(head + records) < nothing + ROOM_MB, "of the first run"
    assert peak_mb(head + records) < nothing + ROOM_MB, "of the replay"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_run_whose_stdout_is_full_ends_when_it_is_asked_to(
    config, environment, server, singer, tmp_path, number
):
    """Nobody reads the STATEs any more, and the pipe holds no further one."""
    reader, writer = os.pipe()
    # Longer than the pipe, so that it is filled to the last byte.
    states = [singer.state({"x": "x" * 2 * fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ)})]
    file = tmp_path / "input.singer"
    messages = [*singer.stream("customers", {"name": "A"}), *states]
    file.write_text("".join(json.dumps(message) + "\n" for message in messages))
    path = config(server, ledger=f"sqlite:///{tmp_path}/ledger.db")
    command = [sys.executable, "-m", "target_invoiced", "--config", path, "--input", file]
    with subprocess.Popen(
        command, stdout=writer, stderr=subprocess.DEVNULL, env=environment
    ) as run:
        os.close(writer)
        try:
            _wait_until_full(reader)
            run.send_signal(number)
            assert run.wait(PATIENCE_S + 1) != 0
        finally:
            run.kill()
            os.close(reader)


def _wait_until_full(pipe):
    capacity = fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)
    deadline, held = time.monotonic() + 60, bytearray(4)
    while int.from_bytes(held, sys.byteorder) < capacity:
        assert time.monotonic() < deadline
        fcntl.ioctl(pipe, termios.FIONREAD, held)
