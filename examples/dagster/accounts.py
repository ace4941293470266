"""The accounts: a JSON file, and how the commands are given what it says of one."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

PRODUCTION = "https://api.invoiced.com"
TIMEOUT_S = 60
# As the tap does: a limit that others exhaust, or a server that restarts, delays the count.
RETRY = Retry(
    total=8,
    backoff_factor=0.5,
    backoff_max=20,
    retry_after_max=60,
    status_forcelist=(429, 500, 502, 503, 504),
)
# The account lacks the feature, or the key may not read the list: the tap skips the stream.
NOT_READABLE = {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND}
# What counts all objects of a stream: subscriptions are in four lists.
LISTS = {
    "customers": [""],
    "invoices": [""],
    "subscriptions": ["", "&canceled=1", "&finished=1", "&canceled=1&finished=1"],
    "estimates": [""],
    "credit_notes": [""],
    "transactions": [""],
}


@dataclass(frozen=True)
class Account:
    """One account: its name is its partition and the schema of its tables."""

    name: str
    settings: Mapping[str, Any] = field(repr=False)

    def environment(self, command: str, **settings: Any) -> dict[str, str]:
        """The environment of a command, with the account's settings: no secret is on disk twice."""
        merged = {**self.settings, "account": self.name, **settings}
        written = {
            f"{command}_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in merged.items()
        }
        return {**os.environ, **written}

    def counts(self) -> dict[str, int]:
        """How many objects of each stream the account has now, by `X-Total-Count`.

        A stream that the account does not let us read is left out.

        Raises:
            requests.RequestException: if a list cannot be counted.
        """
        found = {}
        with requests.Session() as session:
            session.auth = (self.settings["api_key"], "")
            for scheme in ("https://", "http://"):
                session.mount(scheme, HTTPAdapter(max_retries=RETRY))
            for stream, lists in LISTS.items():
                counts = [self._count(session, stream, parameters) for parameters in lists]
                if None not in counts:
                    found[stream] = sum(filter(None, counts))
        return found

    def _count(self, session: requests.Session, stream: str, parameters: str) -> int | None:
        base_url = self.settings.get("base_url", PRODUCTION).rstrip("/")
        url = f"{base_url}/{stream}?per_page=1{parameters}"
        response = session.get(url, timeout=TIMEOUT_S)
        if response.status_code in NOT_READABLE:
            return None
        response.raise_for_status()
        return int(response.headers["X-Total-Count"])


def read_accounts() -> dict[str, Account]:
    """The accounts of the file that ACCOUNTS_FILE names: {"acme": {"api_key": …}, …}."""
    content = json.loads(Path(os.environ["ACCOUNTS_FILE"]).read_text())
    for name in content:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", name):
            raise ValueError(
                f"account {name!r}: use small letters, digits and underscores, since the name is "
                "also that of a schema"
            )
    return {name: Account(name, settings) for name, settings in content.items()}
