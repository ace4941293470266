"""Stdout may fail, for example when the disk is full."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from invoiced_emulator import Server

STATE = json.dumps({"type": "STATE", "value": 1}).encode()


@pytest.mark.parametrize("module", ["tap_invoiced", "target_invoiced"])
def test_a_full_disk_behind_stdout_ends_the_run_with_one_line(
    module: str,
    business_server: Server,
    config: Callable[..., Path],
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    command = [sys.executable, "-m", module, "--config", str(config(business_server))]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command,
            input=STATE,
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=tmp_path,
            timeout=60,
            check=False,
        )
    lines = done.stderr.decode().splitlines()
    said = "CRITICAL stdout cannot be written: No space left on device. Check where stdout goes."
    assert (done.returncode, lines[-1]) == (1, said)
    assert "Traceback" not in done.stderr.decode()
