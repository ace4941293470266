"""The states of pipelines in a database: one row per account and pipeline.

The table may share a database with those of a ledger, but does not depend on them: a state may be
kept in a database without a ledger, for any tap and any target.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from invoiced_api.exceptions import InvalidInputError
from singer_command.database import (
    USABLE_URLS,
    database_url,
    engine_for,
    in_use,
    make_private,
    message_of,
    sqlite_file,
)
from singer_command.exceptions import DatabaseBusyError

# How long to wait for another process that has the database to itself.
BUSY_S = 30.0
# Keeps two processes from creating the table at the same time in PostgreSQL.
CREATION_LOCK = 0x1_6E_76_6F_69_63_65_64 + 2

STATES = sa.Table(
    "invoiced_pipeline_states",
    sa.MetaData(),
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("pipeline", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, comment="the value of a STATE message, as JSON"),
    sa.Column("saved_at", sa.BigInteger, nullable=False, comment="in UNIX seconds"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """The state that a pipeline of an account has loaded.

    Attributes:
        account: its name.
        pipeline: its name.
        state: the value of the STATE.
        saved_at: UNIX seconds.
    """

    account: str
    pipeline: str
    state: dict[str, Any]
    saved_at: int


class StateStore:
    """The states in the database of a URL. Each call is a transaction with its own connection.

    So nothing is locked between two calls, and a server that was restarted is found again.

    Raises:
        InvalidInputError: if the URL names no database that can be used here. So does every
            method if the database fails; DatabaseBusyError if it stays locked for `busy_s`.
    """

    def __init__(
        self, url: str, *, busy_s: float = BUSY_S, clock: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._file = None
        try:
            self._file = sqlite_file(database_url(url))
            self._engine = engine_for(url, busy_s, poolclass=NullPool)
        except ValueError as error:
            raise InvalidInputError(f"the database of states must be {error}.") from None
        except (ArgumentError, NoSuchModuleError, ImportError):
            raise InvalidInputError(
                f"the database of states cannot be used here by its URL. {USABLE_URLS}"
            ) from None

    def get(self, account: str, pipeline: str) -> SavedState | None:
        """The state that was saved last; None if there is none."""
        found = self._select(STATES.c.account == account, STATES.c.pipeline == pipeline)
        return found[0] if found else None

    def all(self) -> list[SavedState]:
        """Every state, by account and pipeline."""
        return self._select()

    def save(self, account: str, pipeline: str, state: dict[str, Any]) -> None:
        """Replace the state in one step: a reader finds the old one or this one."""
        row = {
            "account": account,
            "pipeline": pipeline,
            "state": orjson.dumps(state).decode(),
            "saved_at": int(self._clock()),
        }
        insert = (sqlite if self._engine.dialect.name == "sqlite" else postgresql).insert(STATES)
        statement = insert.values(row).on_conflict_do_update(
            index_elements=[STATES.c.account, STATES.c.pipeline],
            set_={"state": insert.excluded.state, "saved_at": insert.excluded.saved_at},
        )
        make_private(self._file)
        with self._transaction(writing=True) as connection:
            self._create_table(connection)
            connection.execute(statement)

    def reset(self, account: str, pipeline: str) -> SavedState | None:
        """Forget a state: the next run reads from `start_date`. Returns what was forgotten."""
        if self.missing_file:
            return None
        same = (STATES.c.account == account) & (STATES.c.pipeline == pipeline)
        with self._transaction(writing=True) as connection:
            if not sa.inspect(connection).has_table(STATES.name):
                return None
            row = connection.execute(sa.delete(STATES).where(same).returning(STATES)).first()
        return None if row is None else _saved(row)

    @property
    def missing_file(self) -> Path | None:
        """The SQLite file if it does not exist, else None. Looking for a state makes none."""
        return self._file if self._file and not self._file.exists() else None

    def _select(self, *conditions: sa.ColumnElement[bool]) -> list[SavedState]:
        if self.missing_file:
            return []
        query = sa.select(STATES).where(*conditions).order_by(STATES.c.account, STATES.c.pipeline)
        with self._transaction() as connection:
            if not sa.inspect(connection).has_table(STATES.name):
                return []
            return [_saved(row) for row in connection.execute(query)]

    @staticmethod
    def _create_table(connection: sa.Connection) -> None:
        if sa.inspect(connection).has_table(STATES.name):
            return
        if connection.dialect.name == "postgresql":
            # CREATE TABLE IF NOT EXISTS of two sessions at once fails in one of them.
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CREATION_LOCK})")
        STATES.create(connection, checkfirst=True)

    @contextmanager
    def _transaction(self, *, writing: bool = False) -> Iterator[sa.Connection]:
        try:
            with self._engine.connect() as connection:
                if writing and connection.dialect.name == "sqlite":
                    # What is committed survives a power cut, not only a kill.
                    connection.exec_driver_sql("PRAGMA synchronous = FULL")
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                yield connection
                connection.commit()
        except SQLAlchemyError as error:
            raise self._problem(error) from None

    def _problem(self, error: SQLAlchemyError) -> InvalidInputError:
        where = f"the database of states{f' {self._file}' if self._file else ''}"
        if in_use(error):
            return DatabaseBusyError(
                f"{where} is in use by another run. Wait until it ends, and start again."
            )
        said = message_of(error, self._engine.url)
        step = "Check the URL, and whether the server is up"
        if self._file:
            step = "Its folder must exist, and both must be writable"
        return InvalidInputError(f"{where} cannot be used: {said}. {step}.")


def _saved(row: sa.Row[Any]) -> SavedState:
    try:
        state = orjson.loads(row.state)
    except orjson.JSONDecodeError:
        raise InvalidInputError(
            f"the state of account `{row.account}`, pipeline `{row.pipeline}` is not JSON: it was "
            "not saved by this command. Replace it, or delete it to read from `start_date`."
        ) from None
    return SavedState(
        account=row.account,
        pipeline=row.pipeline,
        state=state,
        saved_at=row.saved_at,
    )
