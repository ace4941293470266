"""A local Invoiced API with sample data, to try out and test pipelines without a sandbox.

Example:
    with Server(seeded(customers=200)) as server:
        requests.get(f"{server.url}/invoices", auth=("emulator-key", ""))

Account     an account in memory, to be filled with `add`, `edit`, `remove` and `merge`
Faults      failures of the network and of proxies, to be handed to a `Server`
Server      serves an account on 127.0.0.1, from `with` to its end
add_bulk    adds computed objects by the million
seeded      an account with sample data

Packages, lowest first:

resources   what the objects look like
store       where they are kept
rules       what Invoiced refuses, and what it computes
http        how they are served
seed        how sample data is made

Modules:

exceptions  what the emulator raises
money       numbers as Invoiced writes them
pricing     the parts of documents, and their totals
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from invoiced_emulator.http.faults import Faults
    from invoiced_emulator.http.server import Server
    from invoiced_emulator.seed.account import seeded
    from invoiced_emulator.seed.bulk import add_bulk
    from invoiced_emulator.store.account import Account

__all__ = ["Account", "Faults", "Server", "add_bulk", "seeded"]

_HOMES = {
    "Account": "store.account",
    "Faults": "http.faults",
    "Server": "http.server",
    "add_bulk": "seed.bulk",
    "seeded": "seed.account",
}


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a public name when it is first used: `--help` does not wait for the HTTP stack."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
