"""The settings of a connection: which account to speak to, and how."""

import ipaddress
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from invoiced_api import settings
from invoiced_api.concurrency import MAX_CONNECTIONS
from invoiced_api.exceptions import InvalidInputError
from invoiced_api.settings import Setting
from invoiced_api.version import VERSION

LOGGER = logging.getLogger(__name__)

PRODUCTION = "https://api.invoiced.com"
SANDBOX = "https://api.sandbox.invoiced.com"
# What sample_config.json holds.
SAMPLE_KEY = "YOUR_INVOICED_API_KEY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One account and how to reach it.

    Attributes:
        api_key: sent by HTTP Basic; None if there is a token.
        access_token: OAuth token; used in place of the key if both are set.
        base_url: address of the API, without a slash at its end.
        request_timeout: seconds until a request without a complete response fails.
        max_connections: the most requests in flight, 1 to 20.
        max_retry_seconds: how long one request is repeated before it fails for good.
        user_agent: value of the header `User-Agent`.
    """

    api_key: str | None = field(default=None, repr=False)
    access_token: str | None = field(default=None, repr=False)
    base_url: str
    request_timeout: float
    max_connections: int
    max_retry_seconds: float
    user_agent: str

    @property
    def secrets(self) -> tuple[str | None, ...]:
        """What no log line may show."""
        return (self.api_key, self.access_token)


def url(value: Any) -> str:
    """An `https` URL without credentials; plain `http` is accepted on loopback only.

    Raises:
        ValueError: with words that complete "setting `x` must be …".
    """
    try:
        parts = urlsplit(settings.text(value))
        host = parts.hostname if parts.port != 0 else None
    except ValueError:  # of the host or the port
        host = None
    if not host or parts.scheme not in ("https", "http"):
        raise ValueError("a URL such as https://api.invoiced.com")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("a URL without user name, password, query and fragment")
    if parts.scheme == "http" and not _loopback(host):
        raise ValueError("a URL with https, since plain http would show the key to the network")
    return str(value).rstrip("/")


def key(value: Any) -> str:
    """An API key that a header can carry. Raises ValueError for the sample's placeholder."""
    if value == SAMPLE_KEY:
        raise ValueError("the key of your account instead of the sample's")
    return header(value)


def header(value: Any) -> str:
    """Text that an HTTP header can carry: one line of ASCII. Raises ValueError for any other."""
    line = settings.text(value)
    if not (line.isascii() and line.isprintable()):
        raise ValueError("one line of ASCII characters")
    return line


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


CONNECTION_SETTINGS = (
    Setting(
        name="api_key",
        kind="string",
        parse=key,
        secret=True,
        also_from="INVOICED_API_KEY",
        help="API key of the account: Settings > Developers > API Keys in Invoiced. Required "
        "unless `access_token` is set",
    ),
    Setting(
        name="access_token",
        kind="string",
        parse=header,
        secret=True,
        help="OAuth access token, instead of `api_key`",
    ),
    Setting(
        name="sandbox",
        kind="boolean",
        parse=settings.boolean,
        default=False,
        help="whether the account is in Invoiced's sandbox",
    ),
    Setting(
        name="base_url",
        kind="URL",
        parse=url,
        help="another address of the API, such as the emulator's, instead of `sandbox`; plain "
        "`http` only on loopback",
    ),
    Setting(
        name="request_timeout",
        kind="seconds",
        parse=settings.seconds,
        default=60,
        help="timeout of a request, until its response is complete",
    ),
    Setting(
        name="max_connections",
        kind=f"1-{MAX_CONNECTIONS}",
        parse=settings.integer(1, MAX_CONNECTIONS),
        default=16,
        help="maximum number of requests in flight, over all streams",
    ),
    Setting(
        name="max_retry_seconds",
        kind="seconds",
        parse=settings.seconds,
        default=300,
        help="how long failing requests are retried, before a stream of the tap fails or the run "
        "stops",
    ),
    Setting(
        name="user_agent",
        kind="string",
        parse=header,
        default=f"singer-invoiced/{VERSION}",
        help="`User-Agent` header of the requests",
    ),
)


def connection_from(values: Mapping[str, Any]) -> Connection:
    """The connection of the parsed settings.

    Raises:
        InvalidInputError: if there is neither an API key nor a token.
    """
    if not values["api_key"] and not values["access_token"]:
        raise InvalidInputError(
            "setting `api_key` is missing or empty. Create a key in Invoiced under Settings > "
            "Developers > API Keys and put it into the config file, or into INVOICED_API_KEY."
        )
    if values["base_url"] and values["sandbox"] and values["base_url"] != SANDBOX:
        LOGGER.warning(
            "ignoring setting `sandbox`, since `base_url` sets the address: %s. Remove one of them",
            values["base_url"],
        )
    return Connection(
        api_key=values["api_key"],
        access_token=values["access_token"],
        base_url=values["base_url"] or (SANDBOX if values["sandbox"] else PRODUCTION),
        request_timeout=values["request_timeout"],
        max_connections=values["max_connections"],
        max_retry_seconds=values["max_retry_seconds"],
        user_agent=values["user_agent"],
    )
