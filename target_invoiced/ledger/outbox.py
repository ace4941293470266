"""Responses that a webhook has not received."""

from collections.abc import Sequence

import sqlalchemy as sa

from target_invoiced.ledger.database import Database
from target_invoiced.ledger.tables import ANSWERS


class Outbox:
    """The responses of the account that were not delivered, oldest first."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, answers: Sequence[bytes]) -> None:
        """Add responses that are to be delivered."""
        if answers:
            with self._database.transaction() as connection:
                rows = [{"account": self._database.account, "answer": answer} for answer in answers]
                connection.execute(sa.insert(ANSWERS), rows)

    def pending(self, count: int) -> list[tuple[int, bytes]]:
        """The oldest responses that were not delivered, each with its number."""
        query = sa.select(ANSWERS).where(ANSWERS.c.account == self._database.account)
        with self._database.transaction() as connection:
            rows = connection.execute(query.order_by(ANSWERS.c.number).limit(count))
            return [(row.number, row.answer) for row in rows]

    def acknowledge(self, number: int) -> None:
        """Remove a response that was delivered."""
        with self._database.transaction() as connection:
            connection.execute(sa.delete(ANSWERS).where(ANSWERS.c.number == number))
