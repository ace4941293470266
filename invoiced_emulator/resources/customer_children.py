"""What belongs to a customer looks like: contacts, payment sources, pending lines, notes, tasks."""

from invoiced_emulator.resources.definition import Resource, Row, shape, typed


def _unhidden(_row: Row, private: Row) -> tuple[str, ...]:
    """The lists on which a payment source appears: inactive ones are hidden."""
    return ("all",) if private.get("_inactive") else ("all", "shown")


_CONTACT_WRITES = typed(
    string="name title email phone department address1 address2 city state postal_code country",
    boolean="primary sms_enabled send_new_invoices",
)

CONTACTS = Resource(
    name="contacts",
    singular="contact",
    shape={
        **shape({"id": None, "object": "contact"}, "name title email phone"),
        "primary": True,
        **shape({}, "sms_enabled department address1 address2 city state postal_code country"),
        "send_new_invoices": True,
        **shape({}, "role created_at updated_at"),
    },
    create=_CONTACT_WRITES,
    update=_CONTACT_WRITES,
    indexed=("_customer",),
    owner="_customer",
)

# A card or a bank account, each with the attributes of its kind (`account.add` takes any).
PAYMENT_SOURCES = Resource(
    name="payment_sources",
    singular="payment_source",
    label="PaymentSource",
    shape={"id": None, "object": "card", "last4": None, "updated_at": None},
    create=typed(string="method invoiced_token gateway_token", boolean="make_default"),
    shelves=_unhidden,
    shelf="shown",
    flags={"include_hidden": "all"},
    indexed=("_customer",),
    owner="_customer",
)

_LINE_WRITES = typed(
    string="type name description plan",
    number="quantity unit_cost",
    boolean="discountable taxable prorated",
    timestamp="period_start period_end",
    discounts="discounts",
    taxes="taxes",
    metadata="metadata",
)

PENDING_LINE_ITEMS = Resource(
    name="pending_line_items",
    singular="line_item",
    label="LineItem",
    shape={
        **shape({"id": None, "object": "line_item"}, "customer catalog_item type name description"),
        "quantity": 1,
        "unit_cost": 0,
        "amount": 0,
        "discountable": True,
        "discounts": [],
        "taxable": True,
        "taxes": [],
        "metadata": {},
        **shape({}, "plan period_start period_end"),
        "prorated": False,
        **shape({}, "subscription updated_at"),
    },
    create={**_LINE_WRITES, "catalog_item": "string"},
    update=_LINE_WRITES,
    blank_refused=("quantity", "unit_cost"),
    indexed=("customer",),
    owner="customer",
)

NOTES = Resource(
    name="notes",
    singular="note",
    shape=shape(
        {"id": None, "object": "note"}, "notes customer invoice user created_at updated_at"
    ),
    create=typed(integer="customer_id invoice_id", string="notes"),
    update=typed(string="notes"),
    indexed=("customer", "invoice"),
)

_TASK_UPDATE = typed(string="name action", integer="user_id", timestamp="due_date")

TASKS = Resource(
    name="tasks",
    singular="task",
    shape={
        **shape({}, "id name action customer_id customer user_id due_date"),
        "complete": False,
        **shape({}, "completed_date completed_by_user_id chase_step_id created_at updated_at"),
    },
    create={**_TASK_UPDATE, "customer_id": "integer"},
    update=_TASK_UPDATE,
    indexed=("customer_id",),
)

ACCOUNT = (CONTACTS, PAYMENT_SOURCES, PENDING_LINE_ITEMS, NOTES, TASKS)
