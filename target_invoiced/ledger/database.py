"""The database behind the ledger: one connection, transactions. SQLAlchemy Core."""

import os
import select
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from invoiced_api.exceptions import InvalidInputError
from singer_command.database import (
    USABLE_URLS,
    engine_for,
    in_use,
    make_private,
    message_of,
    sqlite_file,
)
from target_invoiced.ledger.locks import (
    is_postgresql,
    lock_account,
    lock_registry,
    open_schema,
    unlock_registry,
)
from target_invoiced.mapping.keys import ExternalKey

# How many keys one query asks for; databases bound the parameters of a statement.
KEYS_PER_QUERY = 500
# How long this run waits for another one to end.
BUSY_S = 30.0


class Database:
    """SQLite or PostgreSQL; None for one in memory. Raises InvalidInputError if it cannot be used.

    May be used by several threads: each use is a transaction of its own, one after the other. A
    `rehearsal` leaves the database as it was. `account` is the one that the run is about. Another
    run that is in the way is waited for, at most `busy_s`.

    All locks end with the connection. So a connection that is lost is not replaced: everything
    raises InvalidInputError from then on, since another run may write to the account by now.
    """

    def __init__(self, url: str | None, *, rehearsal: bool = False, busy_s: float = BUSY_S) -> None:
        self.account = ""
        self._lock = RLock()
        self._rehearsal = rehearsal
        self._connection: sa.Connection | None = None
        self._depth = 0
        self._failure: BaseException | None = None
        self._lost: InvalidInputError | None = None
        self._upserts: dict[str, sa.Insert] = {}
        try:
            self._engine = _engine(url, busy_s)
            with self.transaction() as connection:
                open_schema(connection, busy_s, keep=not rehearsal)
        except (ArgumentError, NoSuchModuleError, ImportError):
            raise InvalidInputError(
                "setting `ledger` is not the URL of a database that this target can use. "
                f"{USABLE_URLS}"
            ) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection; all its locks end."""
        with self._lock:
            if self._connection is not None:
                with suppress(SQLAlchemyError):  # of a connection that is lost
                    self._connection.rollback()
                    self._connection.close()
                self._connection = None
            self._engine.dispose()

    def use(self, account: str) -> None:
        """Turn to an account, to which no other run writes from now on."""
        with self.transaction() as connection:
            lock_account(connection, account)
        self.account = account

    @contextmanager
    def registry(self) -> Iterator[None]:
        """While inside, no other run looks for its account, or adds one."""
        with self.transaction() as connection:
            lock_registry(connection)
        try:
            yield
        finally:
            with self.transaction() as connection:
                unlock_registry(connection)

    def verify(self) -> None:
        """Raise InvalidInputError if the connection is lost, and with it the lock of the account.

        Cheap enough to be called before each write: it asks the database only if the socket has
        data, which an idle one has not.
        """
        if not self._lock.acquire(blocking=False):
            return  # whoever uses the connection finds out
        try:
            if self._lost is None and self._connection is not None and self._spoken_to():
                with self.transaction() as connection:
                    connection.exec_driver_sql("SELECT 1")
            if self._lost is not None:
                raise self._lost
        finally:
            self._lock.release()

    def _spoken_to(self) -> bool:
        """Whether a PostgreSQL server sent something, such as that it ends the connection."""
        if self._connection is None or not is_postgresql(self._connection):
            return False
        if self._connection.invalidated or self._connection.closed:
            return True
        driver: Any = self._connection.connection.driver_connection
        if getattr(driver, "closed", False) or not hasattr(driver, "fileno"):
            return True
        readable, _, _ = select.select([driver.fileno()], [], [], 0)
        return bool(readable)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """Everything inside is durable at its end, or, if it fails, nothing of it.

        Inner transactions join the outer one. If one of them fails, the outer one fails with the
        same exception, even if it continued.
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
        if self._lost is not None:
            raise self._lost
        if self._connection is None:
            try:
                self._connection = self._engine.connect()
            except SQLAlchemyError as error:
                raise self._problem(error) from None
        return self._connection

    def _problem(self, error: SQLAlchemyError) -> InvalidInputError:
        """What the database said, in one line and without the statement or its values."""
        said = message_of(error, self._engine.url)
        file = sqlite_file(self._engine.url)
        if in_use(error):
            used = f"{file} is in use" if file else "this account is being written to"
            return InvalidInputError(
                f"setting `ledger`: {used} by another run. Wait until it ends, and start again."
            )
        if getattr(error, "connection_invalidated", False):
            self._lost = InvalidInputError(
                f"setting `ledger`: the connection to the database was lost: {said}. Start again: "
                "what was sent until then is recognised."
            )
            return self._lost
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


def refuse_unmakeable(file: Path) -> None:
    """Raise InvalidInputError if a file does not exist and could not be created."""
    if not os.access(file.parent, os.W_OK | os.X_OK):
        raise _unusable(file, "unable to open database file")


def _unusable(file: Path, said: str) -> InvalidInputError:
    return InvalidInputError(
        f"setting `ledger`: {file} cannot be used: {said}. Its folder must exist, and both "
        "must be writable."
    )


def _engine(url: str | None, busy_s: float) -> sa.Engine:
    engine = engine_for(url or "sqlite://", busy_s)
    if engine.dialect.name != "sqlite":
        return engine
    make_private(sqlite_file(engine.url))

    @sa.event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        # One run at a time: two would each find that the other's records were not sent.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        # What is committed survives a power cut, not only a kill.
        connection.execute("PRAGMA synchronous = FULL")

    return engine


def keys_by_resource(
    keys: Collection[ExternalKey],
) -> Iterator[tuple[str, Sequence[str]]]:
    """The keys of each resource, in lists that fit into one statement."""
    by_resource: dict[str, list[str]] = {}
    for key in keys:
        by_resource.setdefault(key.resource, []).append(key.value)
    for resource, values in by_resource.items():
        for part in parts(values):
            yield resource, part


def parts(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """The values in lists that fit into one statement."""
    for start in range(0, len(values), KEYS_PER_QUERY):
        yield values[start : start + KEYS_PER_QUERY]
