"""A local Invoiced account over HTTP, to test a pipeline without a sandbox.

with Server(seeded(customers=200)) as server:
    requests.get(f"{server.url}/invoices", auth=("emulator-key", ""))
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
