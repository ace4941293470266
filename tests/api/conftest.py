"""Clients of the project for any server of the emulator."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from invoiced_api.client import Client
from invoiced_api.connection import Connection
from invoiced_emulator import Server


@pytest.fixture
def client_of() -> Iterator[Callable[..., Client]]:
    """A client of a server. Keyword arguments are fields of its Connection."""
    with ExitStack() as stack:

        def connect(server: Server, **changes: Any) -> Client:
            fields = {
                "api_key": server.account.api_key,
                "base_url": server.url,
                "request_timeout": 5,
                "max_connections": 4,
                "max_retry_seconds": 20,
                "user_agent": "tests",
            }
            connection = Connection(**(fields | changes))
            return stack.enter_context(Client(connection, warns_of_clocks=True))

        yield connect


@pytest.fixture
def client(client_of: Callable[..., Client], server: Server) -> Client:
    """A client of the empty account."""
    return client_of(server)
