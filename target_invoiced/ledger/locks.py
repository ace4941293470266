"""Prevents two runs from writing to one account at the same time."""

import time
from hashlib import blake2b

import sqlalchemy as sa

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.retry import wait_until
from target_invoiced.ledger.migrations import VERSION, migrate, version_of

# The locks of a ledger among the advisory locks of a PostgreSQL database. A run of 0.1.0 has the
# first one to itself as long as it lasts.
SCHEMA_LOCK = 0x1_6E_76_6F_69_63_65_64
REGISTRY_LOCK = SCHEMA_LOCK + 1
# How often a run looks again whether another one has migrated the schema.
LOOK_AGAIN_S = 0.05


def is_postgresql(connection: sa.Connection) -> bool:
    """Whether the database is PostgreSQL; else it is SQLite."""
    return connection.dialect.name == "postgresql"


def open_schema(connection: sa.Connection, busy_s: float, *, keep: bool) -> None:
    """Bring the schema up to date, and keep others from changing it until the connection ends.

    Args:
        connection: to the database.
        busy_s: how long to wait for runs that use the ledger, in seconds.
        keep: whether changes are committed.

    Raises:
        InvalidInputError: if a newer version wrote the ledger, or the wait was in vain.
    """
    if not is_postgresql(connection):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        _migrate(connection)
        return
    deadline = time.monotonic() + busy_s
    while not _share_schema(connection, keep):
        if time.monotonic() >= deadline:
            raise InvalidInputError(
                "setting `ledger`: its tables must be upgraded, but other runs use "
                "them. Wait until they end, and start again."
            )
        wait_until(time.monotonic() + LOOK_AGAIN_S)


def _share_schema(connection: sa.Connection, keep: bool) -> bool:
    """Whether the schema is up to date, and shared with other runs."""
    connection.exec_driver_sql(f"SELECT pg_advisory_lock_shared({SCHEMA_LOCK})")
    if version_of(connection) == VERSION:
        return True
    connection.exec_driver_sql(f"SELECT pg_advisory_unlock_shared({SCHEMA_LOCK})")
    if not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({SCHEMA_LOCK})").scalar_one():
        return False
    try:
        _migrate(connection)
        if keep:
            connection.commit()
        connection.exec_driver_sql(f"SELECT pg_advisory_lock_shared({SCHEMA_LOCK})")
    except BaseException:
        connection.rollback()
        raise
    finally:
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({SCHEMA_LOCK})")
    return True


def _migrate(connection: sa.Connection) -> None:
    version = version_of(connection)
    if version > VERSION:
        raise InvalidInputError(
            f"setting `ledger`: its schema has version {version}, written by a newer "
            f"target-invoiced; this one knows {VERSION}. Install the newer one again."
        )
    if version < VERSION:
        migrate(connection)


def lock_account(connection: sa.Connection, account: str) -> None:
    """Keep other runs from the account until the connection ends. Waits for one that writes."""
    if is_postgresql(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({_lock_of(account)})")


def lock_registry(connection: sa.Connection) -> None:
    """Keep other runs from looking for their accounts, until `unlock_registry`."""
    if is_postgresql(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({REGISTRY_LOCK})")


def unlock_registry(connection: sa.Connection) -> None:
    """Let other runs look for their accounts."""
    if is_postgresql(connection):
        connection.exec_driver_sql(f"SELECT pg_advisory_unlock({REGISTRY_LOCK})")


def _lock_of(account: str) -> int:
    digest = blake2b(account.encode(), person=b"invoiced", digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)
