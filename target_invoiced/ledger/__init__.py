"""The ledger between runs, by account: keys, the journal of writes, parked records.

Everything between `Ledger.transaction()` and its end is durable together or not at all.

accounts     the accounts, and the credentials that write to them
database     one connection, and its transactions
journal      records without a key that were sent
keys         which object a key of another system identifies
locks        one run at a time writes to an account
migrations   from the schema of an older ledger to today's
outbox       responses that a webhook has not received
parked       records that wait for an object
replay       which records of an input were sent before
tables       the tables
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
    """One account's part of the ledger.

    Attributes:
        durable: whether it outlives the run.
        accounts: the accounts that the ledger knows.
        keys: which object a key of another system identifies.
        journal: records without a key that were sent.
        parked: records that wait for an object.
        outbox: responses that a webhook has not received.
    """

    def __init__(self, url: str | None, *, rehearsal: bool = False, busy_s: float = BUSY_S) -> None:
        self.durable = url is not None
        self._database = Database(url, rehearsal=rehearsal, busy_s=busy_s)
        self.accounts = Accounts(self._database)
        self.keys = Keys(self._database)
        self.journal = Journal(self._database)
        self.parked = ParkedRecords(self._database)
        self.outbox = Outbox(self._database)

    def use(self, account: str) -> None:
        """Turn to an account, to which no other run writes from now on.

        Raises:
            InvalidInputError: if another run does.
        """
        self._database.use(account)

    def verify(self) -> None:
        """Raise InvalidInputError if another run may write to the account by now."""
        self._database.verify()

    def transaction(self) -> AbstractContextManager[sa.Connection]:
        """Everything inside is durable at its end, or, if it fails, nothing of it."""
        return self._database.transaction()

    def close(self) -> None:
        """Close the connection, and release the account."""
        self._database.close()
