"""Several processes use one API key, of which Invoiced allows 20 requests at a time together."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from invoiced_emulator import Account, Server

COMMANDS = Path(sys.executable).parent
NOTES = [{"type": "SCHEMA", "stream": "customers", "schema": {}, "key_properties": ["id"]}] + [
    {"type": "RECORD", "stream": "customers", "record": {"id": number, "name": f"N{number}"}}
    for number in range(200)
]


@pytest.mark.parametrize(
    ("connections", "refused"),
    [
        pytest.param(16, True, id="more-than-20-together-are-refused-and-repeated"),
        pytest.param(6, False, id="a-split-limit-is-never-exceeded"),
    ],
)
def test_a_limit_shared_by_three_processes_ends_no_run(
    business: Account,
    config: Callable[..., Path],
    environment: dict[str, str],
    tmp_path: Path,
    connections: int,
    refused: bool,
) -> None:
    """Two taps and a target: each has its retries, and none has the limit to itself."""
    with Server(business, latency_s=0.05) as server:
        settings = config(
            server,
            max_connections=connections,
            page_size=2,
            start_date="2020-01-01",
            ids="external",
            ledger=f"sqlite:///{tmp_path}/ledger.db",
        )
        lines = b"".join(json.dumps(one).encode() + b"\n" for one in NOTES)
        (tmp_path / "notes.singer").write_bytes(lines)
        target = ["target-invoiced", "--config", settings, "--input", tmp_path / "notes.singer"]
        commands: list[list[Any]] = [["tap-invoiced", "--config", settings]] * 2 + [target]
        running = [
            subprocess.Popen(
                [COMMANDS / name, *arguments],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            for name, *arguments in commands
        ]
        for one in running:
            _, log = one.communicate(timeout=100)
            assert one.returncode == 0, log.decode()
        assert (server.stats.too_many > 0) == refused
        assert server.stats.max_in_flight <= 20
    assert len([one for one in business.objects("customers") if one["name"].startswith("N")]) >= 200
