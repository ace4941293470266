"""What was sent of records without a key, since the last STATE but one."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from target_invoiced.ledger.database import Database, parts
from target_invoiced.ledger.replay import Entry, JournalHistory, Stage
from target_invoiced.ledger.tables import JOURNAL, STATES


@dataclass(frozen=True, slots=True)
class Journaled:
    """An entry of the journal, and the path of what it became."""

    entry: Entry
    made: str | None = None


class Journal:
    """The journal of the account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def past(self) -> tuple[JournalHistory, int, int]:
        """What earlier runs left, the segment of the last STATE, and the last ordinal."""
        of_account = JOURNAL.c.account == self._database.account
        with self._database.transaction() as connection:
            states = {
                row.segment: row.digest
                for row in connection.execute(
                    sa.select(STATES).where(STATES.c.account == self._database.account)
                )
            }
            query = sa.select(JOURNAL).where(of_account)
            rows = list(connection.execute(query.order_by(JOURNAL.c.segment, JOURNAL.c.ordinal)))
        last = max(states, default=0)
        past = JournalHistory(
            began_at=states.get(last - 1),
            covered=[_entry(row) for row in rows if row.segment <= last],
            covered_by=states.get(last),
            uncovered=[_entry(row) for row in rows if row.segment > last],
        )
        return past, last, max((row.ordinal for row in rows), default=0)

    def enter(self, rows: Iterable[Journaled], replacing: Iterable[int] = ()) -> None:
        """Put down entries; those `replacing` others, which came again, take their place."""
        gone = list(replacing)
        with self._database.transaction() as connection:
            for part in parts(gone):
                connection.execute(
                    sa.delete(JOURNAL).where(
                        JOURNAL.c.account == self._database.account, JOURNAL.c.ordinal.in_(part)
                    )
                )
            values = [
                {
                    "account": self._database.account,
                    "ordinal": row.entry.ordinal,
                    "segment": row.entry.segment,
                    "digest": row.entry.digest,
                    "stage": row.entry.stage.value,
                    "idempotency_key": row.entry.idempotency_key,
                    "announced_at": row.entry.announced_at,
                    "made": row.made,
                }
                for row in rows
            ]
            if values:
                self._database.upsert(JOURNAL, values)

    def cover(self, segment: int, digest: bytes, *, began: int, over: bool) -> None:
        """The STATE that ends the segment is about to be echoed: forget what lies further back.

        What earlier runs, up to the ordinal `began`, sent of this segment and what did not come
        again may come behind the STATE, unless that is `over`. It is no part of the segment any
        more: the same input is laid beside that, should the STATE be lost.
        """
        with self._database.transaction() as connection:
            ours = JOURNAL.c.account == self._database.account
            connection.execute(sa.delete(JOURNAL).where(ours, JOURNAL.c.segment < segment))
            left = ours & (JOURNAL.c.segment == segment) & (JOURNAL.c.ordinal <= began)
            if over:
                connection.execute(sa.delete(JOURNAL).where(left))
            else:
                connection.execute(sa.update(JOURNAL).where(left).values(segment=segment + 1))
            kept = STATES.c.segment.in_((segment - 1, segment))
            ours = STATES.c.account == self._database.account
            connection.execute(sa.delete(STATES).where(ours, ~kept))
            row = {"account": self._database.account, "segment": segment, "digest": digest}
            self._database.upsert(STATES, [row])


def _entry(row: Any) -> Entry:
    return Entry(
        segment=row.segment,
        ordinal=row.ordinal,
        digest=row.digest,
        stage=Stage(row.stage),
        idempotency_key=row.idempotency_key,
        announced_at=row.announced_at,
    )
