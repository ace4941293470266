"""An account, its clock, and a client that speaks plain HTTP to it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
import requests

from invoiced_emulator import Account, Server

NOW = 1_767_225_600  # 2026-01-01T00:00:00Z
KEY = "a-key-of-ours"


class Clock:
    """The account's clock, moved by hand; UNIX seconds."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> int:
        return self.now


class Client:
    """Requests to one server with the account's key."""

    def __init__(self, server: Server, session: requests.Session) -> None:
        self.server = server
        self.session = session

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("auth", (KEY, ""))
        options.setdefault("allow_redirects", False)
        return self.session.request(method, self.server.url + path, timeout=20, **options)

    def get(self, path: str, **params: Any) -> requests.Response:
        return self("GET", path, params=params)

    def post(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        return self("POST", path, json=body, headers=headers)

    def patch(self, path: str, body: Any, **headers: str) -> requests.Response:
        return self("PATCH", path, json=body, headers=headers)

    def delete(self, path: str) -> requests.Response:
        return self("DELETE", path)

    def ids(self, path: str, **params: Any) -> list[int]:
        return [row["id"] for row in self.get(path, **params).json()]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def account(clock: Clock) -> Account:
    account = Account(KEY, clock)
    account.add("plans", id="starter", name="Starter", amount=49)
    account.add("plans", id="yearly", name="Yearly", amount=499, interval="year")
    account.add("items", id="delivery", name="Delivery", type="service", unit_cost=10)
    account.add("coupons", id="FIFTH", value=20)
    account.add("tax_rates", id="vat", value=5)
    account.add("customers", id=1, name="Acme")
    return account


@pytest.fixture
def serve() -> Iterator[Callable[..., Client]]:
    """Start a server for an account and return a client for it."""
    with ExitStack() as stack:

        def start(account: Account, **options: Any) -> Client:
            server = stack.enter_context(Server(account, **options))
            return Client(server, stack.enter_context(requests.Session()))

        yield start


@pytest.fixture
def api(account: Account, serve: Callable[..., Client]) -> Client:
    return serve(account)
