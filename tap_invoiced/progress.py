"""What a run shows of itself, on stderr."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from singer.metrics import Point, log

from invoiced_api.console import show_table

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What reading one stream took; `requests` includes the `retries`."""

    stream: str
    records: int
    requests: int
    retries: int
    seconds: float


def metrics(report: StreamReport) -> None:
    """Singer METRIC lines."""
    tags = {"endpoint": report.stream}
    log(LOGGER, Point("counter", "record_count", report.records, tags))
    log(LOGGER, Point("counter", "http_request_count", report.requests, tags))
    log(LOGGER, Point("timer", "job_duration", round(report.seconds, 3), tags))


def closing_table(reports: Iterable[StreamReport]) -> None:

    show_table(
        ("stream", "records", "requests", "retries", "seconds"),
        [
            (one.stream, one.records, one.requests, one.retries, f"{one.seconds:.1f}")
            for one in reports
        ],
    )
