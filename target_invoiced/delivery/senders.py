"""Sends requests to Invoiced: for real, or for real and shown."""

from collections.abc import Callable
from threading import local
from typing import Any

import orjson

from invoiced_api.client import Client
from invoiced_api.exceptions import FatalError
from invoiced_api.redact import HIDDEN
from invoiced_api.request import Request
from invoiced_api.response import Response
from target_invoiced.mapping.card_numbers import without_card_numbers


class _OfThread(local):
    """What a thread has sent: retries since they were asked for, and whether it wrote."""

    retries = 0
    wrote = False


class Sender:
    """Sends each request.

    Args:
        client: of the account.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._here = _OfThread()

    @property
    def honours_idempotency_keys(self) -> bool:
        """Whether an idempotency key prevents a second create."""
        return self._client.honours_idempotency_keys

    def send(self, call: Request, why: str = "") -> Response:
        """Send a request and return its response; `why` states in a few words what it is for.

        Raises:
            InvoicedError: as `Client.send`. A FatalError is `unsent` only if no request of the
                record has written before.
        """
        here = self._here
        wrote, here.wrote = here.wrote, here.wrote or call.writing
        try:
            answer = self._client.send(call)
        except FatalError as failure:
            failure.unsent &= not wrote
            raise
        here.retries += answer.retries
        return answer

    def begin(self) -> None:
        """Note that this thread begins another record."""
        self._here.wrote = False

    def retries(self) -> int:
        """How many requests of this thread were repeated since the last call."""
        retries, self._here.retries = self._here.retries, 0
        return retries


class EchoingSender(Sender):
    """Sends each request, and shows those that write, with their responses (`--test`).

    Args:
        client: of the account.
        show: takes a line of JSON.
    """

    def __init__(self, client: Client, show: Callable[[bytes], None]) -> None:
        super().__init__(client)
        self._show = show

    def send(self, call: Request, why: str = "") -> Response:
        """Send a request; show it and its response if it writes."""
        answer = super().send(call, why)
        if call.writing:
            line = {**shown(self._client, call, why), "answer": without_card_numbers(answer.body)}
            self._show(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        return answer


def shown(client: Client, call: Request, why: str) -> dict[str, Any]:
    """A request for people to read, without credentials and card numbers."""
    headers = dict.fromkeys(call.headers, HIDDEN)  # which may hold credentials of their own
    if call.idempotency_key:
        headers["Idempotency-Key"] = call.idempotency_key
    return {
        "method": call.method,
        "url": client.url_of(call),
        "headers": headers,
        "body": without_card_numbers(call.body),
        "why": why,
    }


def fetch(sender: Sender, path: str) -> dict[str, Any]:
    """The object at a path. Raises RecordRejectedError, as NotFoundError if it is gone."""
    body = sender.send(Request(method="GET", path=path)).body
    return body if isinstance(body, dict) else {}
