"""The tables of the ledger. Several accounts may share them."""

import sqlalchemy as sa

TABLES = sa.MetaData()
VERSIONS = sa.Table(
    "invoiced_ledger",
    TABLES,
    sa.Column("version", sa.Integer, nullable=False, comment="of these tables; one row"),
)
ACCOUNTS = sa.Table(
    "invoiced_accounts",
    TABLES,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, primary_key=True, comment="of a credential, salted"),
    sa.Column("base_url", sa.Text, nullable=False),
    sa.Column("salt", sa.Text, nullable=False),
    sa.Column("name", sa.Text, comment="the setting `account`; none if it was never given"),
    sa.Column("used_at", sa.Integer, comment="by a run with this credential, in UNIX seconds"),
)
OBJECTS = sa.Table(
    "invoiced_objects",
    TABLES,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("resource", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("id", sa.Text, comment="Invoiced's id, as JSON"),
    sa.Column("gone", sa.Boolean, nullable=False, comment="deleted, voided or canceled"),
    sa.Column(
        "digest", sa.LargeBinary, comment="of the last record; none while a write is in flight"
    ),
    sa.Column("generation", sa.Integer, nullable=False, comment="creates that came to an end"),
    sa.Column("idempotency_key", sa.Text, comment="of a create in flight"),
    sa.Column("announced_at", sa.Integer, comment="when that was announced, in UNIX seconds"),
    sa.Column("version", sa.BigInteger, comment="of the table, as the tap counts them"),
    sa.Column("parent", sa.Text, comment="what the object's path needs besides its id, as JSON"),
)
sa.Index("invoiced_objects_by_id", OBJECTS.c.account, OBJECTS.c.resource, OBJECTS.c.id)
KEY_ORDERS = sa.Table(
    "invoiced_key_orders",
    TABLES,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("resource", sa.Text, primary_key=True),
    sa.Column("names", sa.Text, primary_key=True, comment="key properties, sorted, as JSON"),
    sa.Column("ordered", sa.Text, nullable=False, comment="in the order of the keys, as JSON"),
)
ENTRIES = sa.Table(
    "invoiced_entries",
    TABLES,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("pipeline", sa.Text, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False, comment="of the content, or reject id"),
    sa.Column("line", sa.LargeBinary, nullable=False, comment="digest of the input up to it"),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("idempotency_key", sa.Text, nullable=False),
    sa.Column("batch", sa.Text, comment="the request that it was sent in with others"),
    sa.Column("announced_at", sa.Integer, nullable=False, comment="when it was first sent"),
    sa.Column("run", sa.Text, nullable=False, comment="that sent it or matched it last"),
    sa.Column("segment", sa.BigInteger, nullable=False, comment="STATEs of the run before it"),
    sa.Column("state", sa.LargeBinary, comment="digest of the STATE that covers it"),
    sa.Column("path", sa.Text, comment="of the object that it became"),
    sa.Column("reject_id", sa.Text, comment="in the file of rejects"),
    sa.Column("corrected", sa.Boolean, nullable=False, comment="found by its reject id alone"),
)
sa.Index(
    "invoiced_entries_by_content",
    *(ENTRIES.c.account, ENTRIES.c.pipeline, ENTRIES.c.digest, ENTRIES.c.run),
)
sa.Index("invoiced_entries_by_run", ENTRIES.c.account, ENTRIES.c.run, ENTRIES.c.state)
sa.Index("invoiced_entries_by_reject", ENTRIES.c.account, ENTRIES.c.reject_id)
sa.Index("invoiced_entries_by_batch", ENTRIES.c.account, ENTRIES.c.batch)
BATCHES = sa.Table(
    "invoiced_batches",
    TABLES,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("path", sa.LargeBinary, nullable=False, comment="JSON"),
    sa.Column("bodies", sa.LargeBinary, nullable=False, comment="JSON"),
)
PARKED = sa.Table(
    "invoiced_parked",
    TABLES,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("resource", sa.Text, nullable=False, comment="of the record itself"),
    sa.Column("key", sa.Text, comment="of the record itself, if it has one"),
    sa.Column("missing", sa.Text, nullable=False, comment="what it waits for"),
    sa.Column("idempotency_key", sa.Text, nullable=False, comment="that it will be sent under"),
    sa.Column("announced_at", sa.Integer, comment="when it was first sent, in UNIX seconds"),
    sa.Column("line", sa.BigInteger, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
    sa.Column("schema", sa.LargeBinary, nullable=False),
    # The column keeps its first name: another would cost every ledger a migration.
    sa.Column(
        "told",
        sa.Boolean,
        key="reported",
        nullable=False,
        comment="already counted as a reject",
    ),
    sqlite_autoincrement=True,  # or the number of a record that waits no more is given again
)
sa.Index("invoiced_parked_by_missing", PARKED.c.account, PARKED.c.missing)
sa.Index("invoiced_parked_by_key", PARKED.c.account, PARKED.c.resource, PARKED.c.key)
SCHEMAS = sa.Table(
    "invoiced_parked_schemas",
    TABLES,
    sa.Column("digest", sa.LargeBinary, primary_key=True),
    sa.Column("schema", sa.LargeBinary, nullable=False),
)
ANSWERS = sa.Table(
    "invoiced_answers",
    TABLES,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("answer", sa.LargeBinary, nullable=False),
)
