"""Records that wait for an object that they refer to, from run to run."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from target_invoiced.ledger.database import Database, keys_by_resource, parts
from target_invoiced.ledger.tables import PARKED, SCHEMAS
from target_invoiced.mapping.keys import ExternalKey, digest_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A record that waits for an object.

    Attributes:
        number: the ledger's own; None before the record is stored.
        key: of the record; None if it has none.
        resource: that the record writes to.
        missing: the reference that it waits for, encoded.
        idempotency_key: under which a record without a key is sent.
        announced_at: UNIX second at which it was first sent; None if it was not.
        line: of the input, for messages.
        stream: of the record.
        record: JSON of the record.
        schema: JSON of its SCHEMA.
        reported: whether it was counted as a reject.
    """

    number: int | None = None
    key: ExternalKey | None
    resource: str
    missing: str
    idempotency_key: str
    announced_at: int | None = None
    line: int
    stream: str
    record: bytes
    schema: bytes
    reported: bool = False


class ParkedRecords:
    """The parked records of the account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def _digest(self, schema: bytes) -> bytes:
        """Of the account's own: accounts that share a row would wait for each other's commits."""
        return digest_of(self._database.account.encode() + schema)

    def add(self, rows: Sequence[Parked]) -> None:
        """Store records; each gets a number."""
        with self._database.transaction() as connection:
            schemas = {}
            for row in rows:
                schemas[self._digest(row.schema)] = row.schema
            self._database.upsert(
                SCHEMAS, [{"digest": key, "schema": value} for key, value in schemas.items()]
            )
            connection.execute(
                sa.insert(PARKED),
                [
                    {
                        "account": self._database.account,
                        "resource": row.resource,
                        "key": row.key.value if row.key else None,
                        "missing": row.missing,
                        "idempotency_key": row.idempotency_key,
                        "announced_at": row.announced_at,
                        "line": row.line,
                        "stream": row.stream,
                        "record": row.record,
                        "schema": self._digest(row.schema),
                        "reported": row.reported,
                    }
                    for row in rows
                ],
            )

    def page(
        self, beyond: int, upto: int, count: int, missing: Collection[str] | None = None
    ) -> list[Parked]:
        """Parked records in the order in which they came.

        Args:
            beyond: only those with a greater number.
            upto: only those up to this number.
            count: how many at most.
            missing: only those that wait for one of these references, at most `KEYS_PER_QUERY`.
        """
        wanted = PARKED.c.number.between(beyond + 1, upto)
        if missing is None:
            return self._where(wanted, count)
        return self._where(wanted & PARKED.c.missing.in_(missing), count)

    def newest(self) -> int:
        """The number of the record that was parked last; 0 if none is."""
        query = sa.select(sa.func.max(PARKED.c.number))
        query = query.where(PARKED.c.account == self._database.account)
        with self._database.transaction() as connection:
            return int(connection.execute(query).scalar_one() or 0)

    def under(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, Parked]:
        """The parked records of these keys; of several with one key, the last."""
        found: dict[ExternalKey, Parked] = {}
        for resource, values in keys_by_resource(keys):
            rows = self._where((PARKED.c.resource == resource) & PARKED.c.key.in_(values))
            found |= {row.key: row for row in rows if row.key}
        return found

    def count(self) -> int:
        """How many are parked."""
        query = sa.select(sa.func.count()).select_from(PARKED)
        query = query.where(PARKED.c.account == self._database.account)
        with self._database.transaction() as connection:
            return int(connection.execute(query).scalar_one())

    def remove(self, numbers: Collection[int]) -> None:
        """Remove the records with these numbers."""
        with self._database.transaction() as connection:
            for part in parts(list(numbers)):
                connection.execute(sa.delete(PARKED).where(PARKED.c.number.in_(part)))

    def amend(self, number: int, **values: Any) -> None:
        """Change columns of a parked record."""
        with self._database.transaction() as connection:
            connection.execute(sa.update(PARKED).where(PARKED.c.number == number).values(values))

    def _where(self, wanted: Any, count: int | None = None) -> list[Parked]:
        query = (
            sa.select(PARKED, SCHEMAS.c.schema.label("whole_schema"))
            .join(SCHEMAS, SCHEMAS.c.digest == PARKED.c.schema)
            .where((PARKED.c.account == self._database.account) & wanted)
            .order_by(PARKED.c.number)
        )
        if count is not None:
            query = query.limit(count)
        with self._database.transaction() as connection:
            return [
                Parked(
                    number=row.number,
                    key=None if row.key is None else ExternalKey(row.resource, row.key),
                    resource=row.resource,
                    missing=row.missing,
                    idempotency_key=row.idempotency_key,
                    announced_at=row.announced_at,
                    line=row.line,
                    stream=row.stream,
                    record=row.record,
                    schema=row.whole_schema,
                    reported=row.reported,
                )
                for row in connection.execute(query)
            ]
