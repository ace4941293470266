"""Sends requests to an account over pooled connections.

requests sets the connections up, as its users know it: proxies and certificates come from the
environment, and its adapter sends every request. Only pages of lists, the hot path, go straight to
urllib3, over the same connections: 100,000 invoices at 0 ms took 20.3 us of CPU per record through
the adapter, and 17.9 us without it (medians of four runs each, in turn, on one machine). That is
13 % more, where 5 % was the limit.
"""

import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import BaseHTTPResponse, HTTPConnectionPool, Retry, Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, ProtocolError, ReadTimeoutError
from urllib3.util.ssl_ import create_urllib3_context

from invoiced_api.connection import Connection
from invoiced_api.exceptions import InvalidInputError
from invoiced_api.network_failures import CONNECT_TIMEOUT_S

# Variables that name trusted certificates: requests reads the first two, OpenSSL the third.
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


@dataclass(frozen=True, slots=True)
class RawResponse:
    """A response of any status.

    Attributes:
        status: the status code.
        headers: by name, in any case.
        data: the body.
        unread_bytes: the size of a body that was too large, and so not read; then `data` is empty.
    """

    status: int
    headers: Mapping[str, str]
    data: bytes
    unread_bytes: int = 0


class Transport:
    """The pooled connections to one account, for several threads at once.

    `send` and `fetch` do the same; both raise urllib3's HTTPError if there is no whole response,
    and neither repeats a request or follows a redirect.
    """

    def __init__(
        self,
        connection: Connection,
        watched: Callable[[type[Any]], type[Any]],
        exact_target: str | None = None,
    ) -> None:
        """Open no connection yet.

        Args:
            connection: Where to, and as whom.
            watched: Makes the class of the connections one that a deadline can cut.
            exact_target: The path and query of every request, byte for byte, if given. urllib3
                rewrites escapes and some characters, and who signs an address counts its bytes.

        Raises:
            InvalidInputError: The certificates that the environment names cannot be used.
        """
        session = requests.Session()
        # Set on the session, so that a `.netrc` entry for the host cannot take its place.
        session.auth = _auth(connection)
        session.headers["User-Agent"] = connection.user_agent
        session.headers["Accept"] = "application/json"
        url = connection.base_url
        # What every request has; each is a copy of it.
        self._template = session.prepare_request(requests.Request("GET", url))
        given = session.merge_environment_settings(url, {}, False, True, None)
        with_tls = url.startswith("https:")  # http is on loopback only, and needs no proxy
        self._adapter = _Adapter(connection.max_connections)
        self.pool = self._adapter.open(self._template, dict(given["proxies"]) if with_tls else {})
        if with_tls:
            self.pool.conn_kw["ssl_context"] = tls_context()
        if exact_target is not None:
            self.pool.ConnectionCls = _with_target(self.pool.ConnectionCls, exact_target)
        self.pool.ConnectionCls = watched(self.pool.ConnectionCls)
        self.headers = dict(self._template.headers)
        parts = urlsplit(url)
        self._origin, self._root = f"{parts.scheme}://{parts.netloc}", parts.path
        self._timeout_s = (CONNECT_TIMEOUT_S, connection.request_timeout)
        self._timeout = Timeout(connect=CONNECT_TIMEOUT_S, read=connection.request_timeout)

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()

    def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> RawResponse:
        """The response to any request, through the adapter of requests."""
        request = self._template.copy()
        request.method, request.url = method, self._origin + self._root + target
        request.headers.update(headers)
        if body is not None:
            request.body = body
            request.headers["Content-Length"] = str(len(body))
        try:
            response = self._adapter.send(request, timeout=self._timeout_s)
            return RawResponse(response.status_code, response.headers, response.content)
        except requests.RequestException as error:
            raise self._cause(error) from None

    def fetch(
        self, target: str, headers: Mapping[str, str], max_bytes: int | None = None
    ) -> RawResponse:
        """The response to a GET, straight from urllib3. A 2xx body of more bytes is not read."""
        response = self.pool.urlopen(
            "GET",
            self._root + target,
            headers=headers,
            timeout=self._timeout,
            retries=False,
            redirect=False,
            preload_content=max_bytes is None,
        )
        most = max_bytes if 200 <= response.status < 300 else None
        return RawResponse(response.status, response.headers, *_read_body(response, most))

    def _cause(self, error: requests.RequestException) -> HTTPError:
        """The failure of urllib3 behind a failure of requests."""
        inner = error.args[0] if error.args else None
        if isinstance(inner, HTTPError):
            return inner
        if isinstance(error, requests.ConnectTimeout):
            return ConnectTimeoutError(str(error))
        if isinstance(error, requests.Timeout):
            return ReadTimeoutError(self.pool, "", str(error))
        return ProtocolError(str(error))


class _Adapter(HTTPAdapter):
    """The adapter of requests over a single pool, with certificates that are its own."""

    def __init__(self, connections: int) -> None:
        # The client repeats requests. With False, failures come as urllib3 words them.
        super().__init__(
            pool_connections=1, pool_maxsize=connections, max_retries=Retry(total=False)
        )
        self._pool: HTTPConnectionPool | None = None

    def open(
        self, request: requests.PreparedRequest, proxies: dict[str, str]
    ) -> HTTPConnectionPool:
        found = super().get_connection_with_tls_context(request, True, proxies=proxies)
        self._pool = cast(HTTPConnectionPool, found)
        return self._pool

    def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
        """The one pool: to look it up again costs more than the rest of the adapter."""
        return self._pool

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """Nothing: `tls_context` holds the trusted certificates, and no others may be added."""


def _read_body(response: BaseHTTPResponse, max_bytes: int | None) -> tuple[bytes, int]:
    """The body of a response that was not read yet, and 0.

    If it has more than `max_bytes`, nothing of it is kept: then no body, and how many bytes it
    has, at least. Its connection is closed.
    """
    if max_bytes is None:
        return response.data, 0
    length = int(text) if (text := response.headers.get("Content-Length", "")).isdecimal() else 0
    if length <= max_bytes:
        if length and "Content-Encoding" not in response.headers:
            return response.data, 0
        # One byte too many shows that there are more, also of a body that is compressed.
        body = response.read(max_bytes + 1)
        if len(body) <= max_bytes:
            return body, 0
    response.close()
    return b"", max(length, 2 * max_bytes)


def _with_target(connection_class: type[Any], target: str) -> type[Any]:
    class ExactConnection(connection_class):  # type: ignore[misc]
        def putrequest(self, method: str, url: str, *more: Any, **options: Any) -> None:
            super().putrequest(method, target, *more, **options)

    return ExactConnection


def tls_context() -> ssl.SSLContext:
    """A context that trusts the certificates of every `CA_VARIABLES` that is set, else certifi's.

    Raises:
        InvalidInputError: if a variable names no certificates.
    """
    context = create_urllib3_context()
    named = {
        variable: os.environ[variable] for variable in CA_VARIABLES if os.environ.get(variable)
    }
    if not named:
        context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    for variable, path in named.items():
        try:
            if Path(path).is_dir():
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except OSError as error:
            no_pem = isinstance(error, ssl.SSLError)
            reason = "it holds no certificate in PEM form" if no_pem else error.strerror
            raise InvalidInputError(
                f"environment variable {variable}: {path} cannot be used: {reason}. Name a file "
                "of trusted CA certificates, or unset the variable."
            ) from None
    return context


def _auth(connection: Connection) -> AuthBase | None:
    if connection.access_token:
        return _Bearer(connection.access_token)
    return HTTPBasicAuth(connection.api_key, "") if connection.api_key else None


class _Bearer(AuthBase):
    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
