"""The closing table: what became of the records of each stream."""

from collections import Counter

from singer_command.tables import show_table
from target_invoiced.outcomes import COLUMNS, Outcome, column


class Report:
    """Counts outcomes, requests tried again, and seconds of work per stream."""

    def __init__(self) -> None:
        self._streams: dict[str, Counter[str]] = {}
        self._seconds: Counter[str] = Counter()
        self.rejected = 0

    def add(self, stream: str, outcome: Outcome, retries: int, seconds: float) -> None:
        counts = self._streams.setdefault(stream, Counter())
        counts[column(outcome)] += 1
        counts["retries"] += retries
        self._seconds[stream] += seconds  # type: ignore[assignment]  # counts seconds, not things
        self.rejected += column(outcome) == "rejected"

    def show(self) -> None:
        if not self._streams:
            return
        columns = (*COLUMNS, "retries")
        show_table(
            ("stream", *columns, "seconds"),
            [
                (stream, *(counts[name] for name in columns), f"{self._seconds[stream]:.1f}")
                for stream, counts in self._streams.items()
            ],
        )
