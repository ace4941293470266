"""Rows of the one table, as they are worked out and as they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rich.table import Table

COLUMNS = ("account", "measured", "ours", "against", "ratio", "goal", "met")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure of ours, what it is held against, and what was set out to reach."""

    account: str
    measured: str
    ours: str
    against: str = ""
    ratio: str = ""
    goal: str = ""
    met: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        met = "" if self.met is None else "yes" if self.met else "NO"
        return (self.account, self.measured, self.ours, self.against, self.ratio, self.goal, met)


def more(
    account: str, what: str, ours: float, name: str, theirs: float, at_least: float | None = None
) -> Row:
    """A row of a figure that is better when it is higher, as a multiple of another."""
    ratio = ours / theirs
    return Row(
        account=account,
        measured=what,
        ours=figure(ours),
        against=f"{figure(theirs)} {name}",
        ratio=f"{ratio:.2f} x",
        goal="" if at_least is None else f">= {at_least:g} x",
        met=None if at_least is None else ratio >= at_least,
    )


def less(
    account: str, what: str, ours: float, name: str, theirs: float, at_most: float | None = None
) -> Row:
    """A row of a figure that is better when it is lower, as a multiple or a part of another."""
    ratio = ours / theirs
    return Row(
        account=account,
        measured=what,
        ours=figure(ours),
        against=f"{figure(theirs)} {name}",
        ratio=part(ratio),
        goal="" if at_most is None else f"<= {part(at_most)}",
        met=None if at_most is None else ratio <= at_most,
    )


def alone(
    account: str,
    what: str,
    ours: float,
    at_most: float | None = None,
    at_least: float | None = None,
) -> Row:
    """A row of a figure that stands for itself."""
    row = Row(account=account, measured=what, ours=figure(ours))
    if at_most is not None:
        return replace(row, goal=f"< {figure(at_most)}", met=ours < at_most)
    if at_least is not None:
        return replace(row, goal=f"> {figure(at_least)}", met=ours > at_least)
    return row


def beside(account: str, what: str, ours: float, name: str, theirs: float) -> Row:
    """A row of two figures of which neither is the better one."""
    return Row(
        account=account, measured=what, ours=figure(ours), against=f"{figure(theirs)} {name}"
    )


def figure(value: float) -> str:
    """Three digits that count: `12,345`, `87`, `2.5`, `0.12`."""
    if value >= 1_000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def part(ratio: float) -> str:
    """`1/12`, `1/3.4`, or `2.50 x` from one on."""
    return f"{ratio:.2f} x" if ratio >= 1 else f"1/{1 / ratio:.3g}"


def on_screen(rows: Sequence[Row]) -> Table:
    table = Table()
    for column in COLUMNS:
        table.add_column(column, justify="right" if column in ("ours", "ratio") else "left")
    account = ""
    for row in rows:
        if account and row.account != account:
            table.add_section()
        name, *others = row.cells
        table.add_row("" if name == account else name, *others)
        account = name
    return table


def as_markdown(rows: Sequence[Row]) -> str:
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(row.cells for row in rows)]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
