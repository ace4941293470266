"""Takes calls to Invoiced: for real, shown as they go, or only shown."""

import itertools
from collections.abc import Callable
from threading import local
from typing import Any
from urllib.parse import quote

import orjson

from invoiced_api.client import Client
from invoiced_api.redact import HIDDEN
from invoiced_api.request import Request
from invoiced_api.response import Response
from target_invoiced.mapping.card_numbers import without_card_numbers


class Sender:
    """Sends each call. `why` says in a few words what it is for."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._here = local()

    @property
    def honours_idempotency_keys(self) -> bool:
        return self._client.honours_idempotency_keys

    def send(self, call: Request, why: str = "") -> Response:
        answer = self._client.send(call)
        self._here.retries = getattr(self._here, "retries", 0) + answer.retries
        return answer

    def retries(self) -> int:
        """How often this thread's calls were sent again since this was last asked."""
        retries, self._here.retries = getattr(self._here, "retries", 0), 0
        return int(retries)


class EchoingSender(Sender):
    """Sends each call, and shows those that write with their answers."""

    def __init__(self, client: Client, show: Callable[[bytes], None]) -> None:
        super().__init__(client)
        self._show = show

    def send(self, call: Request, why: str = "") -> Response:
        answer = super().send(call, why)
        if call.writing:
            line = {**shown(self._client, call, why), "answer": without_card_numbers(answer.body)}
            self._show(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        return answer


class DryRunSender(Sender):
    """Shows each call that writes and sends none of them.

    What would have been created is found again, under an id that says so if Invoiced gives it one.
    """

    def __init__(self, client: Client, show: Callable[[bytes], None]) -> None:
        super().__init__(client)
        self._show = show
        self._created = itertools.count(1)
        self._made: dict[str, dict[str, Any]] = {}
        self._numbered: dict[tuple[str, Any], dict[str, Any]] = {}

    def send(self, call: Request, why: str = "") -> Response:
        if not call.writing:
            return self._read(call, why)
        line = shown(self._client, call, why)
        self._show(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        return Response(headers={}, body=self._make(call))

    def _make(self, call: Request) -> dict[str, Any] | None:
        if call.method != "POST" or not isinstance(call.body, dict):
            return None
        made = {name: call.body[name] for name in ("id", "number", "draft") if name in call.body}
        if "id" not in made:
            made["id"] = f"new-{next(self._created)}"
        self._made[f"{call.path}/{quote(str(made['id']), safe='')}"] = made
        self._numbered[call.path, made.get("number")] = made
        return made

    def _read(self, call: Request, why: str) -> Response:
        if call.path in self._made:
            return Response(headers={}, body=self._made[call.path])
        answer = super().send(call, why)
        number = call.params.get("filter[number]")
        made = self._numbered.get((call.path, number)) if number else None
        return Response(headers={}, body=[made]) if made and answer.body == [] else answer


def shown(client: Client, call: Request, why: str) -> dict[str, Any]:
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
