"""A database that a URL names: SQLite or PostgreSQL, through SQLAlchemy Core.

The target keeps its ledger in one, and the states of pipelines may be kept in the same.
"""

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from invoiced_api import settings
from invoiced_api.redact import HIDDEN

# What PostgreSQL reports when somebody else holds a lock for too long: lock_not_available.
LOCKED = "55P03"
# What one may do about a URL that names no database that can be used.
USABLE_URLS = (
    "It may be sqlite:///file.db, or postgresql://…, for which psycopg has to be installed: "
    "pip install 'psycopg[binary]'."
)


def database_url(value: Any) -> str:
    """The URL of an SQLite or PostgreSQL database, as it is written.

    Raises:
        ValueError: with words that complete "`x` must be …".
    """
    written = settings.text(value)
    if not re.match(r"(sqlite|postgresql)(\+\w+)?://", written):
        raise ValueError("a URL such as sqlite:///ledger.db or postgresql://…")
    try:
        address = sa.make_url(written)
    except (ArgumentError, ValueError):
        address = None
    if address is None or "@" in (address.host or "") or "@" in (address.database or ""):
        raise ValueError(
            "a URL of a database. Write `:`, `/`, `?` and `@` in a user name or password as %3A, "
            "%2F, %3F and %40"
        )
    return written


def password_of(url: str) -> str | None:
    """The password within a URL, which is shown nowhere."""
    password = sa.make_url(url).password
    return None if password is None else str(password)


def engine_for(url: str, busy_s: float, **options: Any) -> sa.Engine:
    """An engine whose statements wait at most `busy_s` seconds for what others have locked.

    `options` are those of SQLAlchemy.

    Raises:
        sqlalchemy.exc.ArgumentError, NoSuchModuleError, ImportError: see `USABLE_URLS`.
    """
    address = sa.make_url(url)
    if address.drivername == "postgresql":
        address = address.set(drivername="postgresql+psycopg")
    if address.get_backend_name() == "sqlite":
        arguments = {"timeout": busy_s, "check_same_thread": False}
        return sa.create_engine(address, connect_args=arguments, **options)
    engine = sa.create_engine(address, **options)

    @sa.event.listens_for(engine, "connect")
    def bound_waits(connection: Any, _: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{busy_s * 1_000:.0f}ms'")
        connection.commit()

    return engine


def sqlite_file(url: str | sa.URL | None) -> Path | None:
    """The SQLite file that a URL means; None if it means none."""
    address = sa.make_url(url) if url else None
    if address is None or address.get_backend_name() != "sqlite":
        return None
    if address.database in (None, "", ":memory:"):
        return None
    return Path(str(address.database)).absolute()


def in_use(error: SQLAlchemyError) -> bool:
    """Whether another process has locked what a statement needs."""
    said = getattr(error, "orig", None)
    # SQLite's code for it is known to Python only since 3.11.
    return getattr(said, "sqlstate", None) == LOCKED or str(said) == "database is locked"


def message_of(error: SQLAlchemyError, url: sa.URL) -> str:
    """The database's own message on one line, without the statement, its values and the address."""
    said = " ".join(str(getattr(error, "orig", None) or type(error).__name__).split())
    if url.get_backend_name() == "sqlite":
        return said
    for part in (url.host, url.port, url.username, url.password, url.database):
        if part:
            said = re.sub(rf"(?<![\w.]){re.escape(str(part))}(?![\w])", HIDDEN, said)
    return said


def make_private(file: Path | None) -> None:
    """Make a new SQLite file the user's alone: it may hold records. SQLite's log has its mode."""
    if file is None or str(file.name).startswith("file:"):
        return
    # Where it cannot be made, SQLite says why.
    with suppress(OSError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
