"""Which object a key of another system identifies, and its content when it was last written."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa

from target_invoiced.ledger.database import Database, keys_by_resource
from target_invoiced.ledger.tables import KEY_ORDERS, OBJECTS
from target_invoiced.mapping.keys import ExternalKey


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectMapping:
    """The ledger's row for one key; a new one has nothing but the key and its stream.

    Attributes:
        key: of the other system.
        stream: whose records have the key.
        id: of the object, as Invoiced gave it; None if there is none yet.
        gone: whether the object was removed.
        digest: of the content that was last written.
        generation: how often an object of this key was removed.
        idempotency_key: of a create whose outcome is unknown.
        announced_at: UNIX second at which that create was first sent; or, without an idempotency
            key, a removal whose outcome is unknown.
        version: the latest version of the table that contained the key.
        parent: JSON of what its path needs besides the id.
    """

    key: ExternalKey
    stream: str
    id: int | str | None = None
    gone: bool = False
    digest: bytes | None = None
    generation: int = 0
    idempotency_key: str | None = None
    announced_at: int | None = None
    version: int | None = None
    parent: str | None = None

    @property
    def removal_in_doubt(self) -> bool:
        """Whether a removal was sent and its outcome is unknown."""
        return self.announced_at is not None and self.idempotency_key is None

    @property
    def alive(self) -> int | str | None:
        """The id of the object, if there is one."""
        return None if self.gone else self.id


class Keys:
    """The keys of the account."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def known(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, ObjectMapping]:
        """The mapping of each of the keys; unknown keys are left out."""
        found = {}
        with self._database.transaction() as connection:
            for resource, values in keys_by_resource(keys):
                of_account = OBJECTS.c.account == self._database.account
                wanted = of_account & (OBJECTS.c.resource == resource)
                query = sa.select(OBJECTS).where(wanted & OBJECTS.c.key.in_(values))
                for row in connection.execute(query):
                    one = _known(row)
                    found[one.key] = one
        return found

    def key_order(self, resource: str, names: Sequence[str]) -> list[str]:
        """The order of the properties in which keys are kept: that in which they first came.

        A SCHEMA may name them in any order. The keys of a ledger of 0.1.0 are in the order of the
        next SCHEMA.
        """
        row = {
            "account": self._database.account,
            "resource": resource,
            "names": orjson.dumps(sorted(names)).decode(),
        }
        same = [KEY_ORDERS.c[name] == value for name, value in row.items()]
        with self._database.transaction() as connection:
            known = connection.execute(sa.select(KEY_ORDERS.c.ordered).where(*same)).scalar()
            if known is None:
                known = orjson.dumps(list(names)).decode()
                self._database.upsert(KEY_ORDERS, [{**row, "ordered": known}])
        return list(orjson.loads(known))

    def keep(self, rows: Iterable[ObjectMapping]) -> None:
        """Replace the mappings of these keys; of several for one key, the last counts."""
        last = {row.key: self._values(row) for row in rows}
        if last:
            self._database.upsert(OBJECTS, list(last.values()))

    def owner(self, resource: str, id: int | str) -> ExternalKey | None:
        """The key that has the object already; None if no key has it."""
        wanted = (OBJECTS.c.account == self._database.account) & (OBJECTS.c.resource == resource)
        wanted &= (OBJECTS.c.id == orjson.dumps(id).decode()) & ~OBJECTS.c.gone
        with self._database.transaction() as connection:
            row = connection.execute(sa.select(OBJECTS.c.key).where(wanted)).first()
        return ExternalKey(resource, row.key) if row else None

    def left_behind(
        self, stream: str, resource: str, version: int, after: str, count: int
    ) -> list[ObjectMapping]:
        """Objects of an earlier version that this one lacks, in the order of their keys."""
        query = (
            sa.select(OBJECTS)
            .where(self._live(stream, resource), OBJECTS.c.version < version)
            .where(OBJECTS.c.key > after)
            .order_by(OBJECTS.c.key)
            .limit(count)
        )
        with self._database.transaction() as connection:
            return [_known(row) for row in connection.execute(query)]

    def count(self, stream: str, resource: str, version: int) -> tuple[int, int, int | None]:
        """The stream's objects, those of versions before this one, and its newest version."""
        left = sa.func.sum(sa.case((OBJECTS.c.version < version, 1), else_=0))
        query = sa.select(sa.func.count(), left, sa.func.max(OBJECTS.c.version))
        with self._database.transaction() as connection:
            row = connection.execute(query.where(self._live(stream, resource))).one()
        return int(row[0]), int(row[1] or 0), row[2]

    def _live(self, stream: str, resource: str) -> sa.ColumnElement[bool]:
        return sa.and_(
            OBJECTS.c.account == self._database.account,
            OBJECTS.c.resource == resource,
            OBJECTS.c.stream == stream,
            ~OBJECTS.c.gone,
            OBJECTS.c.id.is_not(None),
        )

    def _values(self, row: ObjectMapping) -> dict[str, Any]:
        return {
            "account": self._database.account,
            "resource": row.key.resource,
            "key": row.key.value,
            "stream": row.stream,
            "id": None if row.id is None else orjson.dumps(row.id).decode(),
            "gone": row.gone,
            "digest": row.digest,
            "generation": row.generation,
            "idempotency_key": row.idempotency_key,
            "announced_at": row.announced_at,
            "version": row.version,
            "parent": row.parent,
        }


def _known(row: Any) -> ObjectMapping:
    return ObjectMapping(
        key=ExternalKey(row.resource, row.key),
        stream=row.stream,
        id=None if row.id is None else orjson.loads(row.id),
        gone=row.gone,
        digest=row.digest,
        generation=row.generation,
        idempotency_key=row.idempotency_key,
        announced_at=row.announced_at,
        version=row.version,
        parent=row.parent,
    )
