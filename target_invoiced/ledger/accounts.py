"""The accounts that a ledger knows, and the credentials that have written to them."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from target_invoiced.ledger.database import Database
from target_invoiced.ledger.replay import Stage
from target_invoiced.ledger.tables import (
    ACCOUNTS,
    BATCHES,
    ENTRIES,
    KEY_ORDERS,
    OBJECTS,
    PARKED,
    TABLES,
)

# Tables that say nothing of what an account holds: what a batch holds is in its entries, too.
ABOUT_ACCOUNTS = (ACCOUNTS.name, KEY_ORDERS.name, BATCHES.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A credential that has written to an account.

    Attributes:
        account: the ledger's own id of the account.
        base_url: address of the API.
        salt: of the fingerprint.
        fingerprint: salted hash of the credential.
        name: the setting `account`; None if it was never set.
    """

    account: str
    base_url: str
    salt: str
    fingerprint: str
    name: str | None = None

    @property
    def called(self) -> str:
        """What the setting `account` may name the account."""
        return self.name or f"account-{self.account[:8]}"


class Accounts:
    """All accounts of the database, not only the run's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def registry(self) -> AbstractContextManager[None]:
        """While inside, no other run looks for its account, or adds one."""
        return self._database.registry()

    def all(self) -> list[Credential]:
        """Every credential of every account."""
        query = sa.select(ACCOUNTS).order_by(ACCOUNTS.c.account, ACCOUNTS.c.fingerprint)
        with self._database.transaction() as connection:
            return [
                Credential(
                    account=row.account,
                    base_url=row.base_url,
                    salt=row.salt,
                    fingerprint=row.fingerprint,
                    name=row.name,
                )
                for row in connection.execute(query)
            ]

    def register(self, credential: Credential) -> None:
        """Note that this credential writes to the account, which has this name from now on."""
        row = {
            "account": credential.account,
            "fingerprint": credential.fingerprint,
            "base_url": credential.base_url,
            "salt": credential.salt,
        }
        of_account = ACCOUNTS.c.account == credential.account
        with self._database.transaction() as connection:
            self._database.upsert(ACCOUNTS, [row])
            if credential.name is not None:
                connection.execute(
                    sa.update(ACCOUNTS).where(of_account).values(name=credential.name)
                )

    def holds_anything(self, account: str) -> bool:
        """Whether the ledger has more about the account than its credentials."""
        with self._database.transaction() as connection:
            return any(
                connection.execute(
                    sa.select(sa.literal(1)).where(_held(table, account)).limit(1)
                ).first()
                for table in TABLES.sorted_tables
                if "account" in table.c and table.name not in ABOUT_ACCOUNTS
            )

    def use(self, credential: Credential, now: int) -> None:
        """A run with this credential begins; `now` in UNIX seconds.

        Invoiced stores idempotency keys per API key. If the run before used another one, nothing
        prevents that its unanswered writes are executed twice. They count as sent too long ago to
        be repeated under their keys.
        """
        ours = ACCOUNTS.c.account == credential.account
        mine = ours & (ACCOUNTS.c.fingerprint == credential.fingerprint)
        latest = sa.select(ACCOUNTS.c.fingerprint).where(ours, ACCOUNTS.c.used_at.is_not(None))
        latest = latest.order_by(ACCOUNTS.c.used_at.desc()).limit(1)
        with self._database.transaction() as connection:
            before = connection.execute(latest).scalar()
            if before is None:  # one of 0.1.0, which kept no time
                others = sa.select(sa.func.count()).select_from(ACCOUNTS).where(ours)
                alone = connection.execute(others).scalar_one() == 1
                before = credential.fingerprint if alone else None
            if before != credential.fingerprint:
                self._expire_idempotency_keys(connection, credential.account)
            # Only the last one has a time, so that a clock that is set back does no harm.
            connection.execute(sa.update(ACCOUNTS).where(ours).values(used_at=None))
            connection.execute(sa.update(ACCOUNTS).where(mine).values(used_at=now))

    @staticmethod
    def _expire_idempotency_keys(connection: sa.Connection, account: str) -> None:
        in_flight = {
            OBJECTS: OBJECTS.c.announced_at.is_not(None),
            PARKED: PARKED.c.announced_at.is_not(None),
            ENTRIES: ENTRIES.c.stage == Stage.ANNOUNCED.value,
        }
        for table, unknown in in_flight.items():
            mine = (table.c.account == account) & unknown
            connection.execute(sa.update(table).where(mine).values(announced_at=0))


def _held(table: sa.Table, account: str) -> Any:
    """The rows of an account, without keys whose object was neither created nor requested."""
    ours = table.c.account == account
    if table is not OBJECTS:
        return ours
    said = OBJECTS.c.id.is_not(None) | OBJECTS.c.announced_at.is_not(None)
    return ours & (said | (OBJECTS.c.generation > 0))
