"""The pooled connections to an account, and what their failures mean.

requests sets the pool up, as its users know it: proxies and certificates come from the environment.
urllib3 sends the requests, since the work that requests repeats for each of them takes three times
as long as the exchange.
"""

import os
import ssl
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    ProtocolError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util.ssl_ import create_urllib3_context

from invoiced_api.connection import Connection
from invoiced_api.exceptions import InvalidInputError

CONNECT_TIMEOUT_S = 10.0
# Variables that name trusted certificates: requests reads the first two, OpenSSL the third.
CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
# Responses of a proxy to CONNECT that may pass by themselves.
TRANSIENT_PROXY_STATUSES = ("429", "500", "502", "503", "504")


def open_pool(connection: Connection) -> tuple[HTTPConnectionPool, dict[str, str]]:
    """The pool of connections, and the headers of every request.

    Raises:
        InvalidInputError: if the certificates that the environment names cannot be used.
    """
    session = requests.Session()
    # Set on the session, so that a `.netrc` entry for the host cannot take its place.
    session.auth = _auth(connection)
    session.headers["User-Agent"] = connection.user_agent
    session.headers["Accept"] = "application/json"
    url = connection.base_url
    request = session.prepare_request(requests.Request("GET", url))
    given = session.merge_environment_settings(url, {}, False, True, None)
    with_tls = url.startswith("https:")  # http is on loopback only, and needs no proxy
    adapter = HTTPAdapter(pool_connections=1, pool_maxsize=connection.max_connections)
    proxies = given["proxies"] if with_tls else {}
    pool = cast(
        HTTPConnectionPool, adapter.get_connection_with_tls_context(request, True, proxies=proxies)
    )
    if with_tls:
        pool.conn_kw["ssl_context"] = tls_context()
    return pool, dict(request.headers)


def fix_target(pool: HTTPConnectionPool, target: str) -> None:
    """Send every request of the pool to this path and query, byte for byte.

    urllib3 rewrites escapes and some characters, which breaks addresses that carry a signature.
    """

    class ExactConnection(pool.ConnectionCls):  # type: ignore[misc, name-defined]
        def putrequest(self, method: str, url: str, *more: Any, **options: Any) -> None:
            super().putrequest(method, target, *more, **options)

    pool.ConnectionCls = ExactConnection


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


def describe(error: HTTPError, pool: HTTPConnectionPool) -> str:
    """The reason why there is no response, for people who do not know urllib3."""
    match error:
        case ProxyError():
            return f"{_proxy(pool)} failed: {_proxy_reason(error)}"
        case NameResolutionError():
            return "the name of the host is not known"
        case NewConnectionError():
            return f"no connection: {getattr(error.__cause__, 'strerror', None) or 'failed'}"
        case ConnectTimeoutError():
            return f"no connection within {CONNECT_TIMEOUT_S:g} s"
        case ReadTimeoutError():
            return "no answer in time"
        case SSLError():
            return f"TLS failed: {_tls_reason(error)}"
        case ProtocolError():
            return "the connection was dropped"
    return f"no answer ({type(error).__name__})"


def never_sent(error: HTTPError) -> bool:
    """Whether there was no connection, so that Invoiced cannot have received the request."""
    return isinstance(
        error, (ProxyError, NewConnectionError, ConnectTimeoutError)
    ) or _is_untrusted(error)


def remedy(error: HTTPError, pool: HTTPConnectionPool, *, worked_before: bool) -> str | None:
    """What the user must change before any request can succeed; None if the error may pass.

    Args:
        error: why there is no response.
        pool: the connections of the client.
        worked_before: whether a request of this run succeeded, so that the settings are right.
    """
    if _is_untrusted(error):
        return (
            f"{pool.host} shows a certificate that is not trusted: {_tls_reason(error)}. If a "
            "proxy or firewall of yours signs certificates, set REQUESTS_CA_BUNDLE or "
            "SSL_CERT_FILE to the file of its CA certificate. Otherwise check `base_url`."
        )
    if worked_before:
        return None
    if isinstance(error, ProxyError):
        reason = _proxy_reason(error)
        if any(f" {status} " in f"{reason} " for status in TRANSIENT_PROXY_STATUSES):
            return None
        return (
            f"{_proxy(pool)} does not connect to {pool.host}: {reason}. Check the environment "
            "variables HTTPS_PROXY and NO_PROXY, and the proxy's user name and password."
        )
    if isinstance(error, SSLError) and "WRONG_VERSION_NUMBER" in str(error):
        return f"{pool.host}:{pool.port} does not speak TLS. Check `base_url`."
    return None


def _is_untrusted(error: HTTPError) -> bool:
    return isinstance(error, SSLError) and isinstance(_cause(error), ssl.SSLCertVerificationError)


def _cause(error: BaseException) -> BaseException:
    """What an error of urllib3 was made from."""
    while True:
        inner = error.__cause__ or (error.args[-1] if error.args else None)
        if not isinstance(inner, BaseException):
            return error
        error = inner


def _tls_reason(error: HTTPError) -> str:
    cause = _cause(error)
    reason = getattr(cause, "verify_message", None) or getattr(cause, "reason", None)
    return str(reason or type(cause).__name__).rstrip(".")


def _proxy(pool: HTTPConnectionPool) -> str:
    """`proxy 10.0.0.1:3128`: without user name and password."""
    return f"proxy {pool.proxy.host}:{pool.proxy.port}" if pool.proxy else "the proxy"


def _proxy_reason(error: ProxyError) -> str:
    cause = _cause(error)
    return str(getattr(cause, "strerror", None) or cause).rstrip(".")


def redirect_target(location: str | None) -> str:
    """The address in a `Location` header, without the parts that may be secret."""
    parts = urlsplit(location or "")
    host = f"{parts.scheme}://{parts.hostname}" if parts.hostname else ""
    port = f":{parts.port}" if parts.hostname and parts.port else ""
    return f"{host}{port}{parts.path}" or "another address"


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
