"""What is remembered from run to run, of each account: keys, writes under way, records that wait.

Everything between `Ledger.transaction()` and its end is durable together or not at all.
"""

from contextlib import AbstractContextManager

import sqlalchemy as sa

from target_invoiced.ledger.accounts import Accounts
from target_invoiced.ledger.database import BUSY_S, Database
from target_invoiced.ledger.journal import Journal
from target_invoiced.ledger.keys import Keys
from target_invoiced.ledger.outbox import Outbox
from target_invoiced.ledger.parked import ParkedRecords

__all__ = ["Ledger"]


class Ledger:
    """One account's part of the database. Raises InvalidInputError if the database cannot be used.

    A `rehearsal` leaves the database as it was. What is `durable` outlives the run. Another run
    that is in the way is waited for, at most `busy_s`.
    """

    def __init__(self, url: str | None, *, rehearsal: bool = False, busy_s: float = BUSY_S) -> None:
        self.durable = url is not None
        self._database = Database(url, rehearsal=rehearsal, busy_s=busy_s)
        self.accounts = Accounts(self._database)
        self.keys = Keys(self._database)
        self.journal = Journal(self._database)
        self.parked = ParkedRecords(self._database)
        self.answers = Outbox(self._database)

    def use(self, account: str) -> None:
        """From here on, everything is about this account, which no other run writes to."""
        self._database.use(account)

    def verify(self) -> None:
        """Raises InvalidInputError if another run may write to the account by now."""
        self._database.verify()

    def transaction(self) -> AbstractContextManager[sa.Connection]:
        """Everything inside is durable when it ends, or none of it, if it fails."""
        return self._database.transaction()

    def close(self) -> None:
        self._database.close()
