"""The accounts: a JSON file, and how the commands are given what it says of one."""

import base64
import json
import os
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PRODUCTION = "https://api.invoiced.com"
TIMEOUT_S = 60
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
        merged = {"account": self.name, **self.settings, **settings}
        written = {
            f"{command}_{name.upper()}": value if isinstance(value, str) else json.dumps(value)
            for name, value in merged.items()
        }
        return {**os.environ, **written}

    def counts(self) -> dict[str, int]:
        """How many objects of each stream the account has now, by `X-Total-Count`."""
        return {
            stream: sum(self._count(stream, parameters) for parameters in lists)
            for stream, lists in LISTS.items()
        }

    def _count(self, stream: str, parameters: str) -> int:
        base_url = self.settings.get("base_url", PRODUCTION)
        request = urllib.request.Request(f"{base_url}/{stream}?per_page=1{parameters}")
        login = base64.b64encode(f"{self.settings['api_key']}:".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
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
