"""The accounts that a ledger knows, and the credentials with which they were written to."""

from dataclasses import dataclass

import orjson
import sqlalchemy as sa

from target_invoiced.ledger.database import Database
from target_invoiced.ledger.tables import ACCOUNTS, JOURNAL, OBJECTS


@dataclass(frozen=True, slots=True)
class Credential:
    """An account, by the ledger's own name for it, and a credential it was written to with."""

    account: str
    salt: str
    fingerprint: str


class Accounts:
    """All accounts of the database, also those that a run is not about."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def at(self, base_url: str) -> list[Credential]:
        """The credentials with which accounts at this address were written to."""
        query = sa.select(ACCOUNTS).where(ACCOUNTS.c.base_url == base_url)
        with self._database.transaction() as connection:
            return [
                Credential(row.account, row.salt, row.fingerprint)
                for row in connection.execute(query.order_by(ACCOUNTS.c.account))
            ]

    def admit(self, credential: Credential, base_url: str) -> None:
        """The account is written to with this credential as well."""
        row = {
            "account": credential.account,
            "fingerprint": credential.fingerprint,
            "base_url": base_url,
            "salt": credential.salt,
        }
        self._database.upsert(ACCOUNTS, [row])

    def samples(self, account: str, count: int) -> list[tuple[str, str]]:
        """Some objects of an account that has keys of other systems: resources and ids."""
        query = (
            sa.select(OBJECTS.c.resource, OBJECTS.c.id)
            .where(OBJECTS.c.account == account, OBJECTS.c.id.is_not(None), ~OBJECTS.c.gone)
            .limit(count)
        )
        with self._database.transaction() as connection:
            rows = list(connection.execute(query))
        return [(row.resource, str(orjson.loads(row.id))) for row in rows]

    def made(self, account: str, count: int) -> list[str]:
        """The paths of some objects that the journal of an account tells of."""
        query = (
            sa.select(JOURNAL.c.made)
            .where(JOURNAL.c.account == account, JOURNAL.c.made.is_not(None))
            .order_by(JOURNAL.c.ordinal.desc())
            .limit(count)
        )
        with self._database.transaction() as connection:
            return [str(row.made) for row in connection.execute(query)]
