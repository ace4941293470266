"""A server that may ignore `sort`: what shows it before a row is lost."""

import pytest

from invoiced_api.exceptions import UnsortedError
from invoiced_api.reading.pages import ListQuery, Page
from invoiced_api.reading.steps import SortProbe, Window
from invoiced_api.reading.strategies import ascending

SECOND = 1_000
CUSTOMERS = ListQuery(path="/customers", page_size=2)


@pytest.mark.parametrize("alone", [True, False])
def test_a_list_that_grows_beyond_a_page_is_probed(alone: bool) -> None:
    """In the order of ids, both rows of page 1 are of one second, and row 3 is older."""
    moments = [SECOND, SECOND, SECOND - 3]
    steps = ascending(CUSTOMERS, SortProbe(), Window(0), lambda rows: None, alone=alone)
    request = next(steps)
    with pytest.raises(UnsortedError):
        for _ in range(50):
            since = int(request.params["updated_after"])
            rows = [
                {"id": key, "updated_at": at}
                for key, at in enumerate(moments, start=1)
                if at > since
            ]
            start = request.per_page * (request.number - 1)
            shown = rows[start : start + request.per_page]
            page = Page(
                rows=shown,
                moments=[row["updated_at"] for row in shown],
                total=len(rows),
                clock=SECOND + 50,
                asked=request.per_page,
            )
            request = steps.send(page)
