"""The tap's memory does not grow with the account, its seconds, its events or its pages."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# The benchmarks belong to the repository and are not installed.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.large_lists import large_list
from benchmarks.runs import measured

ROOT = Path(__file__).parents[2]
TAP = Path(sys.executable).with_name("tap-invoiced")
TIMEOUT_S = 100
PEAK_MB = 150


@pytest.mark.parametrize(
    ("shape", "rows", "stream", "records"),
    [
        pytest.param("large rows", 800, "invoices", 800, id="pages of 16 MB"),
        pytest.param("growing rows", 3_600, "invoices", 3_600, id="pages that grow to 16 MB"),
        pytest.param("deletions", 60_000, "invoices", 60_000, id="deletions"),
        pytest.param("one second", 60_000, "invoices", 60_000, id="a crowded second"),
    ],
)
def test_memory_stays_below_a_bound(
    tmp_path: Path,
    catalog_of: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    shape: str,
    rows: int,
    stream: str,
    records: int,
) -> None:
    monkeypatch.chdir(ROOT)  # where the server's module is found
    with large_list(shape, rows) as url:
        config = {
            "api_key": "key-of-the-test",
            "base_url": url,
            "start_date": "2010-01-01",
            "capture_deletes": shape == "deletions",
        }
        files = {"config": config, "catalog": catalog_of(stream)}
        command = [str(TAP)]
        for name, content in files.items():
            path = tmp_path / f"{name}.json"
            path.write_text(json.dumps(content))
            command += [f"--{name}", str(path)]
        run = measured(command, TIMEOUT_S, environ={**os.environ, "LOGLEVEL": "WARNING"})
    assert run.records == records
    assert run.peak_mb < PEAK_MB
