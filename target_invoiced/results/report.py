"""The outcomes of each stream: a table, Singer's metrics, a file."""

import logging
from collections import Counter
from pathlib import Path

import orjson
from singer.metrics import Point, log

from invoiced_api.exceptions import InvalidInputError
from singer_command.text_tables import show_table
from target_invoiced.mapping.outcomes import Done, Kind, Outcome

LOGGER = logging.getLogger(__name__)

REJECTED = "rejected"
COLUMNS = (*(kind.value for kind in Kind), REJECTED)

# How often a run logs how far it is.
LOG_EVERY_S = 30.0


class Report:
    """Counts outcomes, retries, and the seconds from a stream's first record to its last."""

    def __init__(self) -> None:
        self._streams: dict[str, Counter[str]] = {}
        self._began: dict[str, float] = {}
        self._ended: dict[str, float] = {}
        self.rejected = 0
        self._logged_at: float | None = None

    def add(self, stream: str, outcome: Outcome, retries: int, began: float, ended: float) -> None:
        """Count an outcome. `began` and `ended` are in seconds of one clock."""
        counts = self._streams.get(stream)
        if counts is None:
            counts = self._streams[stream] = Counter()
            self._began[stream] = began
        counts[outcome.kind.value if isinstance(outcome, Done) else REJECTED] += 1
        if retries:
            counts["retries"] += retries
        self._ended[stream] = ended
        self.rejected += not isinstance(outcome, Done)

    def log_progress(self, now: float) -> None:
        """Log how far the run is, every 30 s. `now` is of the same clock as outcomes."""
        if self._logged_at is None:
            self._logged_at = now
        if now - self._logged_at < LOG_EVERY_S:
            return
        self._logged_at = now
        done = (
            f"{stream} {sum(counts[c] for c in COLUMNS)}"
            for stream, counts in self._streams.items()
        )
        LOGGER.info("records so far: %s; %d rejected", ", ".join(done) or "none", self.rejected)

    def skip(self, stream: str, now: float) -> None:
        """Count a record of a stream that is skipped."""
        self.add(stream, Done(Kind.SKIPPED), 0, now, now)

    def _seconds(self, stream: str) -> float:
        return self._ended[stream] - self._began[stream]

    def show(self, title: str | None = None) -> None:
        """Log the metrics, and print the table."""
        if not self._streams:
            return
        for stream, counts in self._streams.items():
            tags = {"endpoint": stream}
            log(LOGGER, Point("counter", "record_count", sum(counts[c] for c in COLUMNS), tags))
            log(LOGGER, Point("timer", "job_duration", round(self._seconds(stream), 3), tags))
        columns = (*COLUMNS, "retries")
        show_table(
            ("stream", *columns, "seconds"),
            [
                (stream, *(counts[name] for name in columns), f"{self._seconds(stream):.1f}")
                for stream, counts in self._streams.items()
            ],
            title,
        )

    def write(self, path: str) -> None:
        """Write the counts as JSON, by stream and column. Raises InvalidInputError."""
        columns = (*COLUMNS, "retries")
        content = {
            stream: {name: counts[name] for name in columns}
            | {"seconds": round(self._seconds(stream), 3)}
            for stream, counts in self._streams.items()
        }
        try:
            Path(path).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        except OSError as error:
            raise InvalidInputError(
                f"setting `report`: {path} cannot be written: {error.strerror}."
            ) from None
