"""Checks the credentials: which resources can they read?"""

from collections.abc import Iterator
from dataclasses import replace

from invoiced_api.client import Client
from invoiced_api.connection import Connection
from invoiced_api.exceptions import (
    FeatureMissingError,
    NotFoundError,
    RecordRejectedError,
    RedirectedError,
)
from invoiced_api.request import Request
from invoiced_api.resources import RESOURCES

# Somebody waits for the answer.
MAX_CHECK_S = 10.0


def check_access(connection: Connection) -> Iterator[str]:
    """The account's address, then one line per resource: `invoices: readable`, or why not.

    Sends one request per resource. Children are left out: who may read their parents may read them.

    Raises:
        FatalError: if the credentials are refused everywhere.
        RetryableError: if the server does not respond within `MAX_CHECK_S`.
    """
    yield connection.base_url
    budget_s = min(connection.max_retry_seconds, MAX_CHECK_S)
    timeout_s = min(connection.request_timeout, budget_s)
    hasty = replace(connection, max_retry_seconds=budget_s, request_timeout=timeout_s)
    with Client(hasty) as client:
        for resource in RESOURCES:
            if not resource.parent:
                yield f"{resource.name}: {_readable(client, resource.path)}"


def _readable(client: Client, path: str) -> str:
    try:
        client.send(Request(method="GET", path=path, params={"per_page": 1}))
    except (FeatureMissingError, NotFoundError):
        return "not on this account"
    except (RecordRejectedError, RedirectedError) as refusal:
        return f"not readable, {refusal}"
    return "readable"
