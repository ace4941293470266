"""One request to the emulator, and the forms of its responses."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers
from starlette.responses import Response

from invoiced_emulator.exceptions import ApiError

_KINDS = {429: "rate_limit_error"}


@dataclass(frozen=True)
class ApiRequest:
    """One complete HTTP request.

    Attributes:
        method: in capital letters, such as `GET`.
        path: without the query, such as `/invoices/12`.
        query: what follows the question mark, still encoded; empty if there is none.
        headers: its headers; their names ignore case.
        body: the bytes of its body; empty if it has none.
    """

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes

    @cached_property
    def params(self) -> list[tuple[str, str]]:
        """The decoded parameters of the query, in their order; a name may recur."""
        return parse_qsl(self.query, keep_blank_values=True)

    @property
    def scheme(self) -> str:
        """How the request authenticates: `basic`, `bearer`, or an empty string."""
        return self.headers.get("authorization", "").partition(" ")[0].lower()

    @property
    def idempotency_key(self) -> str | None:
        """The key of the request. Keys are stored by API key: a bearer token has none."""
        return None if self.scheme == "bearer" else self.headers.get("idempotency-key")

    @property
    def address(self) -> str:
        """Path and query, as a client would write them."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def json(self) -> object:
        """The parsed body. Raises ApiError if it is not JSON."""
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            raise ApiError("The body of the request must be a JSON object") from None


def answered(body: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A response with a JSON body."""
    return Response(body, status, headers=headers, media_type="application/json")


def failure(status: int, message: str, param: str | None = None) -> Response:
    """An error in Invoiced's form: type, message, and the attribute at fault if there is one."""
    kind = _KINDS.get(status, "api_error" if status >= 500 else "invalid_request")
    body = {"type": kind, "message": message, **({"param": param} if param else {})}
    return answered(orjson.dumps(body), status)
