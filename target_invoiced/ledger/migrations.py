"""The version of the ledger's schema, and the steps that bring an older ledger up to it.

To change a table, change it in `tables.py`. A new table needs nothing else: it is created in each
ledger that lacks it, once `VERSION` is higher, so add a step all the same, if only an empty one.
A new column of an old table needs a step that calls `add_column`. A step may run on a ledger that
has its table in the newest form already, or lacks it.
"""

import time
import uuid
from collections import Counter
from collections.abc import Callable

import sqlalchemy as sa

from target_invoiced.ledger.tables import ACCOUNTS, ENTRIES, OBJECTS, TABLES, VERSIONS

Step = Callable[[sa.Connection], None]


def add_column(connection: sa.Connection, column: "sa.Column[object]") -> None:
    """Add a column that may be null to its table, unless the table is missing or has it."""
    table = column.table.name
    inspector = sa.inspect(connection)
    if not inspector.has_table(table):
        return
    if column.name not in {one["name"] for one in inspector.get_columns(table)}:
        definition = sa.schema.CreateColumn(column).compile(dialect=connection.dialect)
        connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {definition}")


def _name_accounts(connection: sa.Connection) -> None:
    """0.1.0 identified accounts by the objects that were found in them, and had no names."""
    add_column(connection, ACCOUNTS.c.name)
    add_column(connection, ACCOUNTS.c.used_at)


def _keep_parents(connection: sa.Connection) -> None:
    add_column(connection, OBJECTS.c.parent)


def _keep_key_orders(connection: sa.Connection) -> None:
    """Nothing but a new table."""


def _match_as_a_multiset(connection: sa.Connection) -> None:
    """0.1.0 kept what it sent in order, by segments between STATEs, and one pipeline per ledger."""
    inspector = sa.inspect(connection)
    if not inspector.has_table("invoiced_journal"):
        return
    ENTRIES.create(connection, checkfirst=True)
    old = sa.MetaData()
    journal = sa.Table("invoiced_journal", old, autoload_with=connection)
    states = sa.Table("invoiced_states", old, autoload_with=connection)
    digests = {
        (row.account, row.segment): row.digest for row in connection.execute(sa.select(states))
    }
    rows = list(connection.execute(sa.select(journal)))
    shared = Counter(row.idempotency_key for row in rows)
    values = [
        {
            "account": row.account,
            "id": uuid.uuid4().hex,
            "pipeline": "default",
            "stream": "",
            "digest": row.digest,
            "line": b"",
            "stage": row.stage,
            "idempotency_key": row.idempotency_key,
            "batch": row.idempotency_key if shared[row.idempotency_key] > 1 else None,
            # A record that was parked or rejected had no time.
            "announced_at": row.announced_at or int(time.time()),
            "run": "0.1.0",
            "segment": row.segment,
            "state": digests.get((row.account, row.segment)),
            "path": row.made,
            "reject_id": None,
            "corrected": False,
        }
        for row in rows
    ]
    if values:
        connection.execute(sa.insert(ENTRIES), values)
    journal.drop(connection)
    states.drop(connection)


# The step at place n brings a ledger of version n + 1 to version n + 2; 0.1.0's is version 1.
STEPS: tuple[Step, ...] = (
    _name_accounts,
    _keep_parents,
    _keep_key_orders,
    _match_as_a_multiset,
)
VERSION = 1 + len(STEPS)


def version_of(connection: sa.Connection) -> int:
    """The schema's version; 0 for a database without a ledger, 1 for a ledger of 0.1.0."""
    inspector = sa.inspect(connection)
    if inspector.has_table(VERSIONS.name):
        return int(connection.execute(sa.select(VERSIONS.c.version)).scalar_one())
    return int(inspector.has_table(ACCOUNTS.name))


def migrate(connection: sa.Connection) -> int:
    """Bring the schema to `VERSION`, all or nothing. Returns the version it had before."""
    before = version_of(connection)
    for step in STEPS[before - 1 :] if before else ():
        step(connection)
    TABLES.create_all(connection)
    connection.execute(sa.delete(VERSIONS))
    connection.execute(sa.insert(VERSIONS).values(version=VERSION))
    return before
