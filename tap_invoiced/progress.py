"""Shows the progress of a run on stderr."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from singer.metrics import Point, log

from singer_command.logs import logs_are_json
from singer_command.text_tables import show_table

if TYPE_CHECKING:
    from rich.progress import TaskID

LOGGER = logging.getLogger(__name__)

# How often a run without a terminal says how far it is.
LINE_EVERY_S = 30.0


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What reading one stream took.

    Attributes:
        stream: its name.
        records: how many were emitted.
        requests: how many were sent, repetitions included.
        retries: how many of them were repetitions.
        seconds: from its first request to its last record.
        bad_values: how many values were not emitted as Invoiced sent them.
    """

    stream: str
    records: int
    requests: int
    retries: int
    seconds: float
    bad_values: int = 0  # values that were replaced, since their columns cannot hold them


def metrics(report: StreamReport) -> None:
    """Log the METRIC lines of a stream, in Singer's form."""
    tags = {"endpoint": report.stream}
    log(LOGGER, Point("counter", "record_count", report.records, tags))
    log(LOGGER, Point("counter", "http_request_count", report.requests, tags))
    if report.retries:
        log(LOGGER, Point("counter", "http_retry_count", report.retries, tags))
    if report.bad_values:
        log(LOGGER, Point("counter", "bad_value_count", report.bad_values, tags))
    log(LOGGER, Point("timer", "job_duration", round(report.seconds, 3), tags))


def verified_metric(stream: str, objects: int) -> None:
    """A Singer METRIC line: so many objects were read, and the server counts no more."""
    log(LOGGER, Point("counter", "verified_count", objects, {"endpoint": stream}))


def closing_table(reports: Iterable[StreamReport]) -> None:
    """Print the table of all streams."""
    show_table(
        ("stream", "records", "requests", "retries", "bad values", "seconds"),
        [
            (
                one.stream,
                one.records,
                one.requests,
                one.retries,
                one.bad_values,
                f"{one.seconds:.1f}",
            )
            for one in reports
        ],
    )


class Progress(Protocol):
    """Shows how far a stream is."""

    def begin(self, stream: str) -> None:
        """A stream begins."""

    def advance(self, records: int, total: int) -> None:
        """Note further records, and about how many there are in all."""


class LogProgress:
    """Logs a line every half minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said_at = clock()
        self._stream, self._records = "", 0

    def begin(self, stream: str) -> None:
        """A stream begins."""
        self._stream, self._records = stream, 0

    def advance(self, records: int, total: int) -> None:
        """Count records; log a line if the last one is old enough."""
        self._records += records
        if self._clock() - self._said_at >= LINE_EVERY_S:
            self._said_at = self._clock()
            LOGGER.info("%s: %d of about %d records", self._stream, self._records, total)


class ProgressBar:
    """Shows a bar per stream on a terminal."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self.shown = RichProgress(*columns, TimeElapsedColumn(), console=Console(stderr=True))
        self._task: TaskID | None = None

    def begin(self, stream: str) -> None:
        """A stream begins: its bar replaces the one before."""
        self._task = self.shown.add_task(stream, total=None)

    def advance(self, records: int, total: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self.shown.update(self._task, advance=records, total=total)


@contextmanager
def shown_progress() -> Iterator[Progress]:
    """A bar if stderr is a terminal and logs are text, else log lines."""
    if not sys.stderr.isatty() or logs_are_json():
        yield LogProgress()
        return
    bar = ProgressBar()
    with bar.shown:
        yield bar
