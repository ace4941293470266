"""The children of a customer: contacts, payment sources, pending lines, notes, tasks."""

from invoiced_emulator.resources.definition import ResourceDefinition, Row, field_types, template


def _unhidden(_row: Row, private: Row) -> tuple[str, ...]:
    """The lists on which a payment source appears: inactive ones are hidden."""
    return ("all",) if private.get("_inactive") else ("all", "shown")


_CONTACT_WRITES = field_types(
    string="name title email phone department address1 address2 city state postal_code country",
    boolean="primary sms_enabled send_new_invoices",
)

CONTACTS = ResourceDefinition(
    name="contacts",
    singular="contact",
    template={
        **template({"id": None, "object": "contact"}, "name title email phone"),
        "primary": True,
        **template({}, "sms_enabled department address1 address2 city state postal_code country"),
        "send_new_invoices": True,
        **template({}, "role created_at updated_at"),
    },
    create=_CONTACT_WRITES,
    update=_CONTACT_WRITES,
    indexed=("_customer",),
    owner="_customer",
)

# A card or a bank account, each with the attributes of its kind (`account.add` takes any).
PAYMENT_SOURCES = ResourceDefinition(
    name="payment_sources",
    singular="payment_source",
    label="PaymentSource",
    template={"id": None, "object": "card", "last4": None, "updated_at": None},
    create=field_types(string="method invoiced_token gateway_token", boolean="make_default"),
    list_names=_unhidden,
    default_list="shown",
    flags={"include_hidden": "all"},
    indexed=("_customer",),
    owner="_customer",
)

_LINE_WRITES = field_types(
    string="type name description plan",
    number="quantity unit_cost",
    boolean="discountable taxable prorated",
    timestamp="period_start period_end",
    discounts="discounts",
    taxes="taxes",
    metadata="metadata",
)

PENDING_LINE_ITEMS = ResourceDefinition(
    name="pending_line_items",
    singular="line_item",
    label="LineItem",
    template={
        **template(
            {"id": None, "object": "line_item"}, "customer catalog_item type name description"
        ),
        "quantity": 1,
        "unit_cost": 0,
        "amount": 0,
        "discountable": True,
        "discounts": [],
        "taxable": True,
        "taxes": [],
        "metadata": {},
        **template({}, "plan period_start period_end"),
        "prorated": False,
        **template({}, "subscription updated_at"),
    },
    create={**_LINE_WRITES, "catalog_item": "string"},
    update=_LINE_WRITES,
    blank_refused=("quantity", "unit_cost"),
    indexed=("customer",),
    owner="customer",
)

NOTES = ResourceDefinition(
    name="notes",
    singular="note",
    template=template(
        {"id": None, "object": "note"}, "notes customer invoice user created_at updated_at"
    ),
    create=field_types(integer="customer_id invoice_id", string="notes"),
    update=field_types(string="notes"),
    incremental=True,
    indexed=("customer", "invoice"),
)

_TASK_UPDATE = field_types(string="name action", integer="user_id", timestamp="due_date")

TASKS = ResourceDefinition(
    name="tasks",
    singular="task",
    template={
        **template({}, "id name action customer_id customer user_id due_date"),
        "complete": False,
        **template({}, "completed_date completed_by_user_id chase_step_id created_at updated_at"),
    },
    create={**_TASK_UPDATE, "customer_id": "integer"},
    update=_TASK_UPDATE,
    indexed=("customer_id",),
)

ACCOUNT = (CONTACTS, PAYMENT_SOURCES, PENDING_LINE_ITEMS, NOTES, TASKS)
