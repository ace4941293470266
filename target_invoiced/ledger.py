"""What is remembered from run to run: keys, writes under way, records that wait. SQLAlchemy Core.

Everything between `Ledger.transaction()` and its end is durable together or not at all.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from threading import RLock
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from invoiced_api.failures import BadInput
from target_invoiced.identity import ExternalKey
from target_invoiced.journal import Entry, Past, Stage
from target_invoiced.tables import (
    ACCOUNTS,
    ANSWERS,
    JOURNAL,
    OBJECTS,
    PARKED,
    SCHEMAS,
    STATES,
    TABLES,
)

# How many keys one query asks for; databases bound the parameters of a statement.
KEYS_PER_QUERY = 500
# How long this run waits for another one to end.
BUSY_S = 30
# The ledger's own number among the locks of a PostgreSQL database.
LOCK = 0x1_6E_76_6F_69_63_65_64


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the ledger has for one key; for a new one nothing but the key and its stream.

    `idempotency_key` and `announced_at` (UNIX seconds) are of a create whose end is not known.
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

    @property
    def alive(self) -> int | str | None:
        """The id of the object, if there is one."""
        return None if self.gone else self.id


@dataclass(frozen=True, slots=True, kw_only=True)
class Parked:
    """A record that waits for another. `number` is the ledger's own, None before it is kept.

    One without a key goes out under `idempotency_key`, since `announced_at` (UNIX seconds), if it
    was sent before. `record` and `schema` are JSON.
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
    told: bool = False


@dataclass(frozen=True, slots=True)
class Journaled:
    """An entry of the journal, the segment it belongs to, the path of what it became."""

    entry: Entry
    segment: int
    made: str | None = None


@dataclass(frozen=True, slots=True)
class Credential:
    """An account, by the ledger's own name for it, and a credential it was written to with."""

    account: str
    salt: str
    fingerprint: str


class Ledger:
    """One account's part of the database. Raises BadInput if the database cannot be used.

    May be used by several threads: each use is a transaction of its own, one after the other. A
    `rehearsal` leaves the database as it was. What is `durable` outlives the run.
    """

    def __init__(self, url: str | None, *, rehearsal: bool = False) -> None:
        self.durable = url is not None
        self._account = ""
        self._lock = RLock()
        self._rehearsal = rehearsal
        self._connection: sa.Connection | None = None
        self._depth = 0
        self._upserts: dict[str, sa.Insert] = {}
        try:
            self._engine = _engine(url)
            with self.transaction() as connection:
                _keep_others_out(connection)
                TABLES.create_all(connection)
        except (ArgumentError, NoSuchModuleError, ImportError):
            raise BadInput(
                "setting `ledger` is not the URL of a database that can be used here. For "
                "PostgreSQL: pip install 'singer-invoiced[postgresql]' and postgresql+psycopg://…"
            ) from None

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.rollback()
                self._connection.close()
                self._connection = None
            self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Everything inside is durable when it ends. Transactions within join the outer one."""
        with self._lock:
            if self._connection is None:
                self._connection = self._engine.connect()
            self._depth += 1
            try:
                yield self._connection
                if self._depth == 1 and not self._rehearsal:
                    self._connection.commit()
            except SQLAlchemyError as error:
                self._connection.rollback()
                raise BadInput(f"setting `ledger`: {_reason(error)}") from None
            finally:
                self._depth -= 1

    # Accounts

    def use(self, account: str) -> None:
        """From here on, everything is about this account."""
        self._account = account

    def accounts(self, base_url: str) -> list[Credential]:
        """The credentials with which accounts at this address were written to."""
        query = sa.select(ACCOUNTS).where(ACCOUNTS.c.base_url == base_url)
        with self.transaction() as connection:
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
        self._upsert(ACCOUNTS, [row])

    def samples(self, account: str, count: int) -> list[tuple[str, str]]:
        """Some objects of an account that has keys of other systems: resources and ids."""
        query = (
            sa.select(OBJECTS.c.resource, OBJECTS.c.id)
            .where(OBJECTS.c.account == account, OBJECTS.c.id.is_not(None), ~OBJECTS.c.gone)
            .limit(count)
        )
        with self.transaction() as connection:
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
        with self.transaction() as connection:
            return [str(row.made) for row in connection.execute(query)]

    # Keys

    def known(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, Known]:
        """What is known of each of the keys; those never heard of are left out."""
        by_resource: dict[str, list[str]] = {}
        for key in keys:
            by_resource.setdefault(key.resource, []).append(key.value)
        found = {}
        with self.transaction() as connection:
            for resource, values in by_resource.items():
                for part in _parts(values):
                    of_account = OBJECTS.c.account == self._account
                    wanted = of_account & (OBJECTS.c.resource == resource)
                    query = sa.select(OBJECTS).where(wanted & OBJECTS.c.key.in_(part))
                    for row in connection.execute(query):
                        one = _known(row)
                        found[one.key] = one
        return found

    def keep(self, rows: Iterable[Known]) -> None:
        """Put down what is known now of these keys, the last of each."""
        last = {row.key: self._values(row) for row in rows}
        if last:
            self._upsert(OBJECTS, list(last.values()))

    def renew(self, known: Known, idempotency_key: str, announced_at: int) -> None:
        """The create under way for this key goes out again under another idempotency key."""
        self.keep([replace(known, idempotency_key=idempotency_key, announced_at=announced_at)])

    def owner(self, resource: str, id: int | str) -> ExternalKey | None:
        """The key that has the object already."""
        wanted = (OBJECTS.c.account == self._account) & (OBJECTS.c.resource == resource)
        wanted &= (OBJECTS.c.id == orjson.dumps(id).decode()) & ~OBJECTS.c.gone
        with self.transaction() as connection:
            row = connection.execute(sa.select(OBJECTS.c.key).where(wanted)).first()
        return ExternalKey(resource, row.key) if row else None

    def see(self, keys: Iterable[ExternalKey], version: int) -> None:
        """These keys are part of the version of their table."""
        statement = (
            sa.update(OBJECTS)
            .where(OBJECTS.c.account == self._account)
            .where(OBJECTS.c.resource == sa.bindparam("of"))
            .where(OBJECTS.c.key == sa.bindparam("is"))
            .values(version=version)
        )
        rows = [{"of": key.resource, "is": key.value} for key in keys]
        if rows:
            with self.transaction() as connection:
                connection.execute(statement, rows)

    def left_behind(
        self, stream: str, resource: str, version: int, after: str, count: int
    ) -> list[Known]:
        """Objects of the stream that its new version did not bring, in the order of their keys."""
        query = (
            sa.select(OBJECTS)
            .where(OBJECTS.c.account == self._account, OBJECTS.c.resource == resource)
            .where(OBJECTS.c.stream == stream, OBJECTS.c.key > after)
            .where(~OBJECTS.c.gone, OBJECTS.c.id.is_not(None))
            .where(OBJECTS.c.version.is_(None) | (OBJECTS.c.version != version))
            .order_by(OBJECTS.c.key)
            .limit(count)
        )
        with self.transaction() as connection:
            return [_known(row) for row in connection.execute(query)]

    def _values(self, row: Known) -> dict[str, Any]:
        return {
            "account": self._account,
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
        }

    # The journal of records without a key

    def past(self) -> tuple[Past, int, int]:
        """What earlier runs left, the segment of the last STATE, and the last ordinal."""
        of_account = JOURNAL.c.account == self._account
        with self.transaction() as connection:
            states = {
                row.segment: row.digest
                for row in connection.execute(
                    sa.select(STATES).where(STATES.c.account == self._account)
                )
            }
            query = sa.select(JOURNAL).where(of_account)
            rows = list(connection.execute(query.order_by(JOURNAL.c.segment, JOURNAL.c.ordinal)))
        last = max(states, default=0)
        past = Past(
            began_at=states.get(last - 1),
            covered=[_entry(row) for row in rows if row.segment <= last],
            covered_by=states.get(last),
            uncovered=[_entry(row) for row in rows if row.segment > last],
        )
        return past, last, max((row.ordinal for row in rows), default=0)

    def journal(self, rows: Iterable[Journaled], replacing: Iterable[int] = ()) -> None:
        """Put down entries; those `replacing` others, which came again, take their place."""
        gone = list(replacing)
        with self.transaction() as connection:
            for part in _parts(gone):
                connection.execute(
                    sa.delete(JOURNAL).where(
                        JOURNAL.c.account == self._account, JOURNAL.c.ordinal.in_(part)
                    )
                )
            values = [
                {
                    "account": self._account,
                    "ordinal": row.entry.ordinal,
                    "segment": row.segment,
                    "digest": row.entry.digest,
                    "stage": row.entry.stage.value,
                    "idempotency_key": row.entry.idempotency_key,
                    "announced_at": row.entry.announced_at,
                    "made": row.made,
                }
                for row in rows
            ]
            if values:
                self._upsert(JOURNAL, values)

    def cover(self, segment: int, digest: bytes) -> None:
        """The STATE that ends the segment is about to be echoed: forget what lies further back."""
        with self.transaction() as connection:
            ours = JOURNAL.c.account == self._account
            connection.execute(sa.delete(JOURNAL).where(ours, JOURNAL.c.segment < segment))
            kept = STATES.c.segment.in_((segment - 1, segment))
            ours = STATES.c.account == self._account
            connection.execute(sa.delete(STATES).where(ours, ~kept))
            row = {"account": self._account, "segment": segment, "digest": digest}
            self._upsert(STATES, [row])

    # Records that wait for others

    def park(self, rows: Sequence[Parked]) -> None:
        with self.transaction() as connection:
            schemas = {}
            for row in rows:
                schemas[_schema_digest(row.schema)] = row.schema
            self._upsert(
                SCHEMAS, [{"digest": key, "schema": value} for key, value in schemas.items()]
            )
            connection.execute(
                sa.insert(PARKED),
                [
                    {
                        "account": self._account,
                        "resource": row.resource,
                        "key": row.key.value if row.key else None,
                        "missing": row.missing,
                        "idempotency_key": row.idempotency_key,
                        "announced_at": row.announced_at,
                        "line": row.line,
                        "stream": row.stream,
                        "record": row.record,
                        "schema": _schema_digest(row.schema),
                        "told": row.told,
                    }
                    for row in rows
                ],
            )

    def parked_for(self, missing: Collection[str]) -> list[Parked]:
        """The records that wait for one of these, in the order in which they came."""
        found = []
        for part in _parts(list(missing)):
            found += self._parked(PARKED.c.missing.in_(part))
        return sorted(found, key=lambda one: one.number or 0)

    def parked_under(self, keys: Collection[ExternalKey]) -> dict[ExternalKey, Parked]:
        """The records of these keys that wait, the last of each."""
        by_resource: dict[str, list[str]] = {}
        for key in keys:
            by_resource.setdefault(key.resource, []).append(key.value)
        found: dict[ExternalKey, Parked] = {}
        for resource, values in by_resource.items():
            for part in _parts(values):
                rows = self._parked((PARKED.c.resource == resource) & PARKED.c.key.in_(part))
                found |= {row.key: row for row in rows if row.key}
        return found

    def parked_after(self, number: int, count: int) -> list[Parked]:
        """So many of all records that wait, in order, beyond the one of this number."""
        return self._parked(PARKED.c.number > number, count)

    def parked_count(self) -> int:
        query = sa.select(sa.func.count()).select_from(PARKED)
        with self.transaction() as connection:
            return int(
                connection.execute(query.where(PARKED.c.account == self._account)).scalar_one()
            )

    def unpark(self, numbers: Collection[int]) -> None:
        with self.transaction() as connection:
            for part in _parts(list(numbers)):
                connection.execute(sa.delete(PARKED).where(PARKED.c.number.in_(part)))

    def amend(self, number: int, **values: Any) -> None:
        """Put down more about a record that waits."""
        with self.transaction() as connection:
            connection.execute(sa.update(PARKED).where(PARKED.c.number == number).values(values))

    def _parked(self, wanted: Any, count: int | None = None) -> list[Parked]:
        query = (
            sa.select(PARKED, SCHEMAS.c.schema.label("whole_schema"))
            .join(SCHEMAS, SCHEMAS.c.digest == PARKED.c.schema)
            .where((PARKED.c.account == self._account) & wanted)
            .order_by(PARKED.c.number)
        )
        if count is not None:
            query = query.limit(count)
        with self.transaction() as connection:
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
                    told=row.told,
                )
                for row in connection.execute(query)
            ]

    # Answers that a webhook is to have

    def owe(self, answers: Sequence[bytes]) -> None:
        if answers:
            with self.transaction() as connection:
                rows = [{"account": self._account, "answer": answer} for answer in answers]
                connection.execute(sa.insert(ANSWERS), rows)

    def owed(self, count: int) -> list[tuple[int, bytes]]:
        """The oldest answers that were not delivered, each with its number."""
        query = sa.select(ANSWERS).where(ANSWERS.c.account == self._account)
        with self.transaction() as connection:
            rows = connection.execute(query.order_by(ANSWERS.c.number).limit(count))
            return [(row.number, row.answer) for row in rows]

    def paid(self, number: int) -> None:
        with self.transaction() as connection:
            connection.execute(sa.delete(ANSWERS).where(ANSWERS.c.number == number))

    def _upsert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        if table.name not in self._upserts:
            own = sqlite if self._engine.dialect.name == "sqlite" else postgresql
            statement = own.insert(table)
            keys = [column.name for column in table.primary_key]
            others = {name: statement.excluded[name] for name in rows[0] if name not in keys}
            self._upserts[table.name] = statement.on_conflict_do_update(
                index_elements=keys, set_=others
            )
        with self.transaction() as connection:
            connection.execute(self._upserts[table.name], list(rows))


def _engine(url: str | None) -> sa.Engine:
    address = sa.make_url(url or "sqlite://")
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() != "sqlite":
        return sa.create_engine(address)
    engine = sa.create_engine(address, connect_args={"timeout": BUSY_S, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        # One run at a time: two would each find that the other's records were not sent.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        # What is committed survives a power cut, not only a kill.
        connection.execute("PRAGMA synchronous = FULL")

    return engine


def _keep_others_out(connection: sa.Connection) -> None:
    """Until the connection ends, no other run uses the ledger. Waits for one that does."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    connection.exec_driver_sql(f"SET lock_timeout = '{BUSY_S}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")


def _reason(error: SQLAlchemyError) -> str:
    """What the database said, in one line and without the statement or its values."""
    said = str(getattr(error, "orig", None) or type(error).__name__)
    return f"the database cannot be used: {' '.join(said.split())}"


def _parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), KEYS_PER_QUERY):
        yield values[start : start + KEYS_PER_QUERY]


def _known(row: Any) -> Known:
    return Known(
        key=ExternalKey(row.resource, row.key),
        stream=row.stream,
        id=None if row.id is None else orjson.loads(row.id),
        gone=row.gone,
        digest=row.digest,
        generation=row.generation,
        idempotency_key=row.idempotency_key,
        announced_at=row.announced_at,
        version=row.version,
    )


def _entry(row: Any) -> Entry:
    return Entry(
        ordinal=row.ordinal,
        digest=row.digest,
        stage=Stage(row.stage),
        idempotency_key=row.idempotency_key,
        announced_at=row.announced_at,
    )


def _schema_digest(schema: bytes) -> bytes:
    return blake2b(schema, digest_size=16).digest()
