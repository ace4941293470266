"""The database behind the ledger: one connection, transactions, locks. SQLAlchemy Core."""

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from invoiced_api.exceptions import InvalidInputError
from target_invoiced.ledger.tables import TABLES
from target_invoiced.mapping.keys import ExternalKey

# How many keys one query asks for; databases bound the parameters of a statement.
KEYS_PER_QUERY = 500
# How long this run waits for another one to end.
BUSY_S = 30.0
# The ledger's own number among the locks of a PostgreSQL database.
LOCK = 0x1_6E_76_6F_69_63_65_64
# What PostgreSQL says when somebody else holds that for too long: lock_not_available.
LOCKED = "55P03"


class Database:
    """SQLite or PostgreSQL; None for one in memory. Raises InvalidInputError if it cannot be used.

    May be used by several threads: each use is a transaction of its own, one after the other. A
    `rehearsal` leaves the database as it was. `account` is the one that the run is about. Another
    run that uses the database is waited for, at most `busy_s`.
    """

    def __init__(self, url: str | None, *, rehearsal: bool = False, busy_s: float = BUSY_S) -> None:
        self.account = ""
        self._lock = RLock()
        self._rehearsal = rehearsal
        self._connection: sa.Connection | None = None
        self._depth = 0
        self._failure: BaseException | None = None
        self._upserts: dict[str, sa.Insert] = {}
        try:
            self._engine = _engine(url, busy_s)
            with self.transaction() as connection:
                _keep_others_out(connection, busy_s)
                TABLES.create_all(connection)
        except (ArgumentError, NoSuchModuleError, ImportError):
            raise InvalidInputError(
                "setting `ledger` is not the URL of a database that can be used here. It may be "
                "sqlite:///file.db, or postgresql://…, for which psycopg has to be installed: "
                "pip install 'psycopg[binary]'."
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
        """Everything inside is durable when it ends, or none of it, if it fails.

        Transactions within join the outer one: if one of them fails, so does the outer one, with
        the same failure, even if it went on.
        """
        with self._lock:
            connection = self._connected()
            self._depth += 1
            try:
                yield connection
                if self._failure:
                    raise self._failure
                if self._depth == 1 and not self._rehearsal:
                    connection.commit()
            except SQLAlchemyError as error:
                self._failure = self._problem(error)
                raise self._failure from None
            except BaseException as error:
                self._failure = error
                raise
            finally:
                self._depth -= 1
                if self._depth == 0 and self._failure:
                    self._failure = None
                    connection.rollback()

    def _connected(self) -> sa.Connection:
        if self._connection is None:
            try:
                self._connection = self._engine.connect()
            except SQLAlchemyError as error:
                raise self._problem(error) from None
        return self._connection

    def _problem(self, error: SQLAlchemyError) -> InvalidInputError:
        """What the database said, in one line and without the statement or its values."""
        said = " ".join(str(getattr(error, "orig", None) or type(error).__name__).split())
        file = _file_at(self._engine.url)
        if _in_use(error):
            return InvalidInputError(
                f"setting `ledger`: {file or 'the database'} is in use by another run. Wait for "
                "its end, and start again."
            )
        if file is None:
            return InvalidInputError(f"setting `ledger`: the database cannot be used: {said}")
        return _unusable(file, said)

    def upsert(self, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, all with the same columns, over those of the same primary key."""
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


def file_of(url: str | None) -> Path | None:
    """The SQLite file that the URL means; None if it means none."""
    return _file_at(sa.make_url(url)) if url else None


def _file_at(address: sa.URL) -> Path | None:
    if address.get_backend_name() != "sqlite" or address.database in (None, "", ":memory:"):
        return None
    return Path(str(address.database)).absolute()


def refuse_unmakeable(file: Path) -> None:
    """Raises InvalidInputError if a file that is not there could not be made."""
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise _unusable(file, "unable to open database file")


def _unusable(file: Path, said: str) -> InvalidInputError:
    return InvalidInputError(
        f"setting `ledger`: {file} cannot be used: {said}. Its folder must be there, and both "
        "must be writable."
    )


def _in_use(error: SQLAlchemyError) -> bool:
    """Whether another run has the database."""
    said = getattr(error, "orig", None)
    # SQLite's code for it is known to Python only since 3.11.
    return getattr(said, "sqlstate", None) == LOCKED or str(said) == "database is locked"


def _engine(url: str | None, busy_s: float) -> sa.Engine:
    address = sa.make_url(url or "sqlite://")
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() != "sqlite":
        return sa.create_engine(address)
    engine = sa.create_engine(address, connect_args={"timeout": busy_s, "check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        # One run at a time: two would each find that the other's records were not sent.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        # What is committed survives a power cut, not only a kill.
        connection.execute("PRAGMA synchronous = FULL")

    return engine


def _keep_others_out(connection: sa.Connection, busy_s: float) -> None:
    """Until the connection ends, no other run uses the ledger. Waits for one that does."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        return
    connection.exec_driver_sql(f"SET lock_timeout = '{busy_s:g}s'")
    connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")


def keys_by_resource(
    keys: Collection[ExternalKey],
) -> Iterator[tuple[str, Sequence[str]]]:
    """The keys of each resource, in lots that fit into one statement."""
    by_resource: dict[str, list[str]] = {}
    for key in keys:
        by_resource.setdefault(key.resource, []).append(key.value)
    for resource, values in by_resource.items():
        for part in parts(values):
            yield resource, part


def parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The values in lots that fit into one statement."""
    for start in range(0, len(values), KEYS_PER_QUERY):
        yield values[start : start + KEYS_PER_QUERY]
