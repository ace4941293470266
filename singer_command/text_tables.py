"""Tables of numbers for people, on stderr."""

import logging
import sys
from collections.abc import Iterable, Sequence

from invoiced_api.redact import hide_card_numbers
from singer_command.logs import logs_are_json

LOGGER = logging.getLogger(__name__)


def show_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None = None
) -> None:
    """Print a table to stderr, or log a line per row where logs are JSON.

    Args:
        columns: their names. The first column holds names, the others hold numbers.
        rows: a value per column.
        title: what stands above the table.
    """
    if logs_are_json():
        for name, *numbers in rows:
            pairs = zip(columns[1:], numbers, strict=True)
            values = ", ".join(f"{column} {one}" for column, one in pairs)
            LOGGER.info("%s%s: %s", f"{title}: " if title else "", name, values)
        return
    _print_table(columns, rows, title)


def _print_table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], title: str | None
) -> None:
    """Print a table in Markdown: ASCII only, and quick, since rich takes 20 ms to import."""
    cells = [columns, *([_shown(cell) for cell in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    rules = ["-" * widths[0], *(f"{'-' * (width - 1)}:" for width in widths[1:])]
    lines = [title] if title else []
    for row in (cells[0], rules, *cells[1:]):
        name, *numbers = row
        shown = [name.ljust(widths[0]), *map(str.rjust, numbers, widths[1:])]
        lines.append(f"| {' | '.join(shown)} |")
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def _shown(cell: object) -> str:
    """A cell that neither breaks the line nor the table."""
    text = hide_card_numbers(str(cell)).replace("|", "\\|")
    return "".join(one if one.isprintable() else " " for one in text)
