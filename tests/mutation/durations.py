"""A plugin of pytest: writes the seconds of each test that passes to a file, as JSON."""

import json
import os
from pathlib import Path
from typing import Any

_durations: dict[str, float] = {}
_failed: set[str] = set()


def pytest_runtest_logreport(report: Any) -> None:
    if report.failed:
        _failed.add(report.nodeid)
    if not report.skipped:
        _durations[report.nodeid] = _durations.get(report.nodeid, 0.0) + report.duration


def pytest_sessionfinish(session: Any) -> None:
    if not hasattr(session.config, "workerinput"):  # the process that has started the others
        passed = {name: took for name, took in _durations.items() if name not in _failed}
        Path(os.environ["MUTATION_DURATIONS"]).write_text(json.dumps(passed))
