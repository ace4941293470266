"""The version of the ledger's schema, and the steps that bring an older ledger up to it.

To change a table, change it in `tables.py`. A new table needs nothing else: it is created in each
ledger that lacks it, once `VERSION` is higher, so add a step all the same, if only an empty one.
A new column of an old table needs a step that calls `add_column`. A step may run on a ledger that
has its table in the newest form already, or lacks it.
"""

from collections.abc import Callable

import sqlalchemy as sa

from target_invoiced.ledger.tables import ACCOUNTS, OBJECTS, TABLES, VERSIONS

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
    """0.1.0 told accounts apart by the objects that were found in them, and had no names."""
    add_column(connection, ACCOUNTS.c.name)
    add_column(connection, ACCOUNTS.c.used_at)


def _keep_parents(connection: sa.Connection) -> None:
    add_column(connection, OBJECTS.c.parent)


def _keep_key_orders(connection: sa.Connection) -> None:
    """Nothing but a new table."""


# The step at place n brings a ledger of version n + 1 to version n + 2; 0.1.0's is version 1.
STEPS: tuple[Step, ...] = (_name_accounts, _keep_parents, _keep_key_orders)
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
