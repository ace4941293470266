"""Numbers for people, on stderr."""

from collections.abc import Iterable, Sequence

from invoiced_api.redact import hide_card_numbers

# Columns of a table that goes to a log and not to a screen.
LOG_WIDTH = 140


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stderr: the first column is a name, the others are numbers."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(hide_card_numbers(str(cell)) for cell in row))
    screen = Console(stderr=True, markup=False, emoji=False)  # names stand as they are
    if not screen.is_terminal:
        screen.width = LOG_WIDTH
    screen.print(table)
