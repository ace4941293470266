"""Records without a key that were sent, and the batches of custom calls."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from target_invoiced.ledger.database import Database, parts
from target_invoiced.ledger.replay import ENTRY_LIVES_S, Entry, Stage
from target_invoiced.ledger.tables import BATCHES, ENTRIES

# Entries of one content that are fetched together with those of others.
FEW = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SentBatch:
    """A request for several records, as it was sent.

    Attributes:
        id: of the batch.
        method: such as `POST`.
        path: JSON of the path.
        bodies: JSON of the list of bodies.
    """

    id: str
    method: str
    path: bytes
    bodies: bytes


class Journal:
    """The journal of the account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def _ours(self) -> Any:
        return ENTRIES.c.account == self._database.account

    def digest_at(self, path: str) -> bytes | None:
        """The content of the entry that became the object at this path; None if none did."""
        query = sa.select(ENTRIES.c.digest).where(self._ours, ENTRIES.c.path == path).limit(1)
        with self._database.transaction() as connection:
            return connection.execute(query).scalar()

    def equal(self, pipeline: str, wanted: dict[bytes, int], *, run: str, now: int) -> list[Entry]:
        """Entries of these contents that this run has not matched, oldest first.

        At most as many of each content as are wanted, in each of pending and covered, and none
        that has lived for too long.
        """
        found: list[Entry] = []
        with self._database.transaction() as connection:
            for digests in parts(list(wanted)):
                mine = self._ours & (ENTRIES.c.pipeline == pipeline) & (ENTRIES.c.run != run)
                of_these = mine & ENTRIES.c.digest.in_(digests)
                count = sa.func.count()
                counts = sa.select(ENTRIES.c.digest, count).where(of_these)
                rows = connection.execute(counts.group_by(ENTRIES.c.digest)).all()
                few = [digest for digest, number in rows if number <= FEW]
                found += self._fetch(connection, mine & ENTRIES.c.digest.in_(few), now)
                for digest, number in rows:
                    if number > FEW:
                        same = mine & (ENTRIES.c.digest == digest)
                        for state in (ENTRIES.c.state.is_(None), ENTRIES.c.state.is_not(None)):
                            found += self._fetch(connection, same & state, now, wanted[digest])
        return found

    def covered_by(
        self, pipeline: str, digests: Collection[bytes], state: bytes, *, run: str, now: int
    ) -> list[Entry]:
        """Entries of these contents that the STATE covers and this run has not matched."""
        found: list[Entry] = []
        with self._database.transaction() as connection:
            for some in parts(list(digests)):
                mine = self._ours & (ENTRIES.c.pipeline == pipeline) & (ENTRIES.c.run != run)
                wanted = mine & ENTRIES.c.digest.in_(some) & (ENTRIES.c.state == state)
                found += self._fetch(connection, wanted, now)
        return found

    def of_rejects(self, digests: Collection[bytes]) -> list[Entry]:
        """The entries of corrected rejects, of whatever run and age."""
        found: list[Entry] = []
        with self._database.transaction() as connection:
            for some in parts(list(digests)):
                query = sa.select(ENTRIES).where(self._ours & ENTRIES.c.digest.in_(some))
                found += [_entry(row) for row in connection.execute(query)]
        return found

    def _fetch(
        self, connection: sa.Connection, wanted: Any, now: int, limit: int | None = None
    ) -> list[Entry]:
        recent = ENTRIES.c.announced_at > now - ENTRY_LIVES_S
        undecided = ENTRIES.c.state.is_(None) & (ENTRIES.c.stage != Stage.SETTLED.value)
        query = sa.select(ENTRIES).where(wanted & (recent | undecided))
        query = query.order_by(ENTRIES.c.announced_at, ENTRIES.c.id)
        if limit is not None:
            query = query.limit(limit)
        return [_entry(row) for row in connection.execute(query)]

    def enter(self, rows: Iterable[Entry], removed: Sequence[str] = ()) -> None:
        """Insert or replace entries, and remove those with the ids `removed`."""
        with self._database.transaction() as connection:
            for part in parts(list(removed)):
                ids = self._ours & ENTRIES.c.id.in_(part)
                connection.execute(sa.delete(ENTRIES).where(ids))
            values = [
                {
                    "account": self._database.account,
                    "id": row.id,
                    "pipeline": row.pipeline,
                    "stream": row.stream,
                    "digest": row.digest,
                    "line": row.line,
                    "stage": row.stage.value,
                    "idempotency_key": row.idempotency_key,
                    "batch": row.batch,
                    "announced_at": row.announced_at,
                    "run": row.run,
                    "segment": row.segment,
                    "state": row.state,
                    "path": row.path,
                    "reject_id": row.reject_id,
                    "corrected": row.corrected,
                }
                for row in rows
            ]
            if values:
                self._database.upsert(ENTRIES, values)

    def rotate(self, entry: Entry, idempotency_key: str, now: int) -> None:
        """Note the new idempotency key of the entry's request, and of all others of its batch."""
        wanted = ENTRIES.c.batch == entry.batch if entry.batch else ENTRIES.c.id == entry.id
        values = {"idempotency_key": idempotency_key, "announced_at": now}
        with self._database.transaction() as connection:
            connection.execute(sa.update(ENTRIES).where(self._ours & wanted).values(values))

    def settle_rejects(self, ids: Sequence[str]) -> None:
        """Note that these rejects were corrected and written."""
        for part in parts(list(ids)):
            mine = self._ours & ENTRIES.c.reject_id.in_(part) & ~ENTRIES.c.corrected
            with self._database.transaction() as connection:
                values = {"stage": Stage.SETTLED.value, "batch": None}
                connection.execute(sa.update(ENTRIES).where(mine).values(values))

    def cover(self, run: str, segment: int, state: bytes) -> None:
        """Note that the STATE after the segment is about to be written."""
        mine = self._ours & (ENTRIES.c.run == run) & ENTRIES.c.state.is_(None)
        mine &= ENTRIES.c.segment <= segment
        with self._database.transaction() as connection:
            connection.execute(sa.update(ENTRIES).where(mine).values(state=state))

    def expire(self, now: int, limit: int) -> tuple[list[Entry], int]:
        """Drop the entries that are too old.

        Returns:
            Some of those that no STATE ever covered, at most `limit`, and their number.
        """
        old = self._ours & (ENTRIES.c.announced_at <= now - ENTRY_LIVES_S)
        old &= ~ENTRIES.c.corrected
        pending = old & ENTRIES.c.state.is_(None) & (ENTRIES.c.stage == Stage.SETTLED.value)
        with self._database.transaction() as connection:
            query = sa.select(ENTRIES).where(pending).order_by(ENTRIES.c.announced_at).limit(limit)
            named = [_entry(row) for row in connection.execute(query)]
            dropped = connection.execute(sa.delete(ENTRIES).where(pending)).rowcount
            connection.execute(sa.delete(ENTRIES).where(old & ENTRIES.c.state.is_not(None)))
            known = sa.select(ENTRIES.c.batch).where(self._ours, ENTRIES.c.batch.is_not(None))
            unused = ~BATCHES.c.id.in_(known) & (BATCHES.c.account == self._database.account)
            connection.execute(sa.delete(BATCHES).where(unused))
        return named, int(dropped)

    # Batches

    def batch(self, id: str) -> SentBatch | None:
        """The batch as it was sent; None if a version wrote it that did not keep batches."""
        query = sa.select(BATCHES).where(
            BATCHES.c.account == self._database.account, BATCHES.c.id == id
        )
        with self._database.transaction() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return SentBatch(id=row.id, method=row.method, path=row.path, bodies=row.bodies)

    def keep_batches(self, batches: Iterable[SentBatch]) -> None:
        """Keep batches as they are about to be sent."""
        rows = [
            {
                "account": self._database.account,
                "id": one.id,
                "method": one.method,
                "path": one.path,
                "bodies": one.bodies,
            }
            for one in batches
        ]
        if rows:
            self._database.upsert(BATCHES, rows)

    def end_batch(self, id: str, stage: Stage) -> None:
        """Note the outcome of a whole batch, also for records that did not come again."""
        mine = self._ours & (ENTRIES.c.batch == id) & (ENTRIES.c.stage == Stage.ANNOUNCED.value)
        with self._database.transaction() as connection:
            connection.execute(sa.update(ENTRIES).where(mine).values(stage=stage.value, batch=None))
            connection.execute(
                sa.delete(BATCHES).where(
                    BATCHES.c.account == self._database.account, BATCHES.c.id == id
                )
            )


def _entry(row: Any) -> Entry:
    return Entry(
        id=row.id,
        pipeline=row.pipeline,
        stream=row.stream,
        digest=row.digest,
        line=row.line,
        stage=Stage(row.stage),
        idempotency_key=row.idempotency_key,
        batch=row.batch,
        announced_at=row.announced_at,
        run=row.run,
        segment=row.segment,
        state=row.state,
        path=row.path,
        reject_id=row.reject_id,
        corrected=row.corrected,
    )
