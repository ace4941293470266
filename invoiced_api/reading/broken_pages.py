"""A page that is not JSON, read row by row: one broken row must not cost the others."""

import json
from collections.abc import Callable
from dataclasses import replace

from invoiced_api.reading.pages import PageRequest, ReadableRows
from invoiced_api.request import Request
from invoiced_api.response import Response
from invoiced_api.retry import RetryBudget


def read_by_row(
    send: Callable[[Request], Response], request: PageRequest, budget: RetryBudget | None
) -> Response:
    """The rows of a page, each requested by itself. A row that is broken twice is only named.

    Args:
        send: carries out a request.
        request: the page.
        budget: bounds the retries, together with those of the stream's other requests.
    """
    rows, broken = ReadableRows(), list[str]()
    first = None
    for position in range(request.per_page):
        number = (request.number - 1) * request.per_page + position + 1
        one = replace(request, number=number, per_page=1)
        call = replace(one.call(), raw=True, budget=budget)
        response = send(call)
        first = first or response
        try:
            row = _parsed(one, response)
        except json.JSONDecodeError:
            try:
                row = _parsed(one, send(call))
            except json.JSONDecodeError:
                broken.append(f"row {position + 1} of page {request.number}")
                continue
        if not row:
            break
        rows += row if isinstance(row, list) else [row]
    rows.unreadable = tuple(broken)
    return Response(headers={}, body=rows) if first is None else replace(first, body=rows)


def _parsed(request: PageRequest, response: Response) -> object:
    return request.listing.parse(response.body)
