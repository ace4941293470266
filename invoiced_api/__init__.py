"""Calls the Invoiced REST API: one client, its exceptions, and the table of resources.

    from invoiced_api import Client, Connection, Request

    connection = Connection(
        api_key="...",
        base_url="https://api.sandbox.invoiced.com",
        request_timeout=60,
        max_connections=16,
        max_retry_seconds=300,
        user_agent="my-script/1.0",
    )
    with Client(connection) as client:
        response = client.send(Request(method="GET", path="/customers/15444"))

Modules:

client            sends a request, and retries it
request           one request, before it is sent
response          from an HTTP response to a `Response` or an exception
connection        which account to speak to, and how
exceptions        the tree of exceptions
retry             how long to wait before a request is repeated; the only place that sleeps
concurrency       how many requests may be in flight
deadline          how long a response may take in all
transport         the pool of connections, certificates and proxies
network_failures  what a request without a response means, and what to do
resources         every list of the API as one row: path, key, events, calls that write
definitions       what such a row holds
write_bodies      the attributes that a write may carry, by kind of object
bodies            the types of these attributes
calls             calls on one object that are not updates
reading           reads a list completely while it changes
access            what a key may read
exact_json        JSON whose numbers keep every digit
redact            hides secrets and card numbers in what is logged
settings          parses a config by a table of settings
timestamps        UNIX seconds and RFC 3339
version           the version of this distribution
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from invoiced_api.client import Client
    from invoiced_api.connection import Connection
    from invoiced_api.definitions import Resource
    from invoiced_api.exceptions import (
        FatalError,
        FeatureMissingError,
        ForbiddenError,
        IncompleteReadError,
        InvalidInputError,
        InvoicedError,
        NotFoundError,
        RecordRejectedError,
        RedirectedError,
        RetryableError,
        UnexpectedResponseError,
    )
    from invoiced_api.request import Request
    from invoiced_api.resources import RESOURCES
    from invoiced_api.response import Response
    from invoiced_api.version import VERSION

__all__ = [
    "RESOURCES",
    "VERSION",
    "Client",
    "Connection",
    "FatalError",
    "FeatureMissingError",
    "ForbiddenError",
    "IncompleteReadError",
    "InvalidInputError",
    "InvoicedError",
    "NotFoundError",
    "RecordRejectedError",
    "RedirectedError",
    "Request",
    "Resource",
    "Response",
    "RetryableError",
    "UnexpectedResponseError",
]

_HOMES = {
    "Client": "client",
    "Connection": "connection",
    "RESOURCES": "resources",
    "Request": "request",
    "Resource": "definitions",
    "Response": "response",
    "VERSION": "version",
}

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used: `--help` does not wait for the client."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'exceptions')}"), name)
