"""Explains a request without a response, in words for those who do not know urllib3."""

import ssl
from urllib.parse import urlsplit

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

CONNECT_TIMEOUT_S = 10.0
# Responses of a proxy to CONNECT that may pass by themselves.
TRANSIENT_PROXY_STATUSES = ("429", "500", "502", "503", "504")


def describe(error: HTTPError, pool: HTTPConnectionPool) -> str:
    """The reason why there is no response, for people who do not know urllib3."""
    match error:
        case ProxyError():
            return f"{_proxy(pool)} failed: {_proxy_reason(error)}"
        case NameResolutionError():
            return "the host name cannot be resolved"
        case NewConnectionError():
            return f"no connection: {getattr(error.__cause__, 'strerror', None) or 'failed'}"
        case ConnectTimeoutError():
            return f"no connection within {CONNECT_TIMEOUT_S:g} s"
        case ReadTimeoutError():
            return "no response in time"
        case SSLError():
            return f"TLS failed: {_tls_reason(error)}"
        case ProtocolError():
            return "the connection was dropped"
    return f"no response ({type(error).__name__})"


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
