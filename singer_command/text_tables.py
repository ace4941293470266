"""Tables of numbers for people, on stderr."""

import logging
from collections.abc import Iterable, Sequence

from invoiced_api.redact import hide_card_numbers
from singer_command.logs import logs_are_json

LOGGER = logging.getLogger(__name__)

# Columns of a table that goes to a log and not to a screen.
LOG_WIDTH = 140


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
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(hide_card_numbers(str(cell)) for cell in row))
    screen = Console(stderr=True, markup=False, emoji=False)  # names stand as they are
    if not screen.is_terminal:
        screen.width = LOG_WIDTH
    screen.print(table)
