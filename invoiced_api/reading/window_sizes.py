"""How large the windows of a stream should be: arithmetic only."""

from math import ceil

# A window of more pages is cut into pieces of about so many.
MAX_PAGES = 12
# Or of more bytes: what the windows hold that are read at once has to fit into the buffer.
MAX_BYTES = 1024 * 1024
# Where less is left, in all streams together, windows are smaller, so that the connections have
# work to the end.
MIN_PAGES = 3
LAST_WINDOWS = 12
# A list is cut into so many windows at least: what follows it waits for it in the buffer.
MIN_WINDOWS = 4
# A window may be so many times as large as is fair before it is cut.
FEW = 1.25
# One row in so many that a page of a window has to spare.
SPARE = 20


def fair_rows(page_size: int, bytes_per_row: int, total: int, left: int) -> int:
    """About how many rows a window should hold.

    Args:
        page_size: rows per page.
        bytes_per_row: average size of a row; 0 if it is not known.
        total: how many rows the stream has.
        left: about how many rows all streams together have to read.
    """
    most = MAX_BYTES // (max(1, bytes_per_row) * page_size)
    most = min(most, MAX_PAGES, total // (MIN_WINDOWS * page_size))
    return max(MIN_PAGES, min(most, left // (LAST_WINDOWS * page_size))) * page_size


def rows_per_window(rows: int, fair: int, page_size: int) -> int:
    """How many of so many rows each window should hold: whole pages, so that few are in vain.

    A page repeats the last row of the page before. The last page has to show that the window has
    ended, even if it holds some more rows than expected.
    """
    windows = max(1, ceil(rows / (fair * FEW)))
    spare, new = page_size // SPARE, max(1, page_size - 1)
    pages = ceil((rows / windows + spare) / new)
    return max(1, pages * new - spare)
