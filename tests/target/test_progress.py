"""A run without a terminal logs its progress."""

import logging

import pytest

from target_invoiced.mapping.outcomes import Done, Kind, Rejected
from target_invoiced.results.report import Report


def test_progress_is_logged_every_30_seconds(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    report = Report()
    for second in range(95):
        report.log_progress(1_000.0 + second)
        if second in (10, 40):
            report.add("payments", Done(Kind.CREATED), 0, 0.0, 1.0)
        if second == 50:
            report.add("notes", Rejected("refused"), 0, 0.0, 1.0)
    assert [record.getMessage() for record in caplog.records] == [
        "records so far: payments 1; 0 rejected",
        "records so far: payments 2, notes 1; 1 rejected",
        "records so far: payments 2, notes 1; 1 rejected",
    ]
