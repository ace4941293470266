"""Takes calls to Invoiced: for real, shown as they go, or only shown."""

import itertools
from collections.abc import Callable
from threading import local
from typing import Any

import orjson

from invoiced_api.client import Answer, Call, Client
from invoiced_api.redact import HIDDEN
from target_invoiced.bodies import without_card_numbers


class Courier:
    """Sends each call. `why` says in a few words what it is for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._here = local()

    def send(self, call: Call, why: str = "") -> Answer:
        answer = self._client.send(call)
        self._here.retries = getattr(self._here, "retries", 0) + answer.retries
        return answer

    def retries(self) -> int:
        """How often this thread's calls were sent again since this was last asked."""
        retries, self._here.retries = getattr(self._here, "retries", 0), 0
        return int(retries)


class Shown(Courier):
    """Sends each call, and shows those that write with their answers."""

    def __init__(self, client: Client, show: Callable[[bytes], None]) -> None:
        super().__init__(client)
        self._show = show

    def send(self, call: Call, why: str = "") -> Answer:
        answer = super().send(call, why)
        if call.writing:
            line = {**shown(self._client, call, why), "answer": without_card_numbers(answer.body)}
            self._show(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        return answer


class Rehearsal(Courier):
    """Shows each call that writes and sends none of them. What is created has no id yet."""

    def __init__(self, client: Client, show: Callable[[bytes], None]) -> None:
        super().__init__(client)
        self._show = show
        self._created = itertools.count(1)

    def send(self, call: Call, why: str = "") -> Answer:
        if not call.writing:
            return super().send(call, why)
        line = shown(self._client, call, why)
        self._show(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        made = {"id": f"new-{next(self._created)}"} if call.method == "POST" else None
        return Answer(headers={}, body=made)


def shown(client: Client, call: Call, why: str) -> dict[str, Any]:
    """A call for people to read: no credentials, no card numbers."""
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
