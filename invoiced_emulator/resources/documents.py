"""What customers, their documents and subscriptions look like."""

from collections.abc import Mapping

from invoiced_emulator.resources.definition import (
    ResourceDefinition,
    Row,
    Types,
    field_types,
    template,
)


def renewal(subscription: Row, private: Row) -> tuple[str, ...]:
    """The lists on which a subscription appears, for a finished one can be canceled as well."""
    canceled = subscription["status"] == "canceled" or subscription["canceled_at"] is not None
    finished = subscription["status"] == "finished" or private.get("_finished", False)
    states = [name for name, is_so in (("canceled", canceled), ("finished", finished)) if is_so]
    return ("all", " and ".join(states) or "renewing")


# The parts of objects: attributes accepted inside a list or a nested object.
PARTS: Mapping[str, Types] = {
    "items": field_types(
        integer="id",
        string="catalog_item type name description plan",
        number="quantity unit_cost",
        boolean="discountable taxable prorated",
        timestamp="period_start period_end",
        discounts="discounts",
        taxes="taxes",
        metadata="metadata",
    ),
    "discounts": field_types(
        integer="id", number="amount", reference="coupon", timestamp="expires"
    ),
    "taxes": field_types(integer="id", number="amount", reference="tax_rate"),
    "addons": field_types(integer="id quantity", string="plan description", price="amount"),
    "applications": field_types(
        string="type document_type",
        number="amount",
        integer="invoice credit_note estimate",
    ),
    "installments": field_types(timestamp="date", number="amount"),
    "ship_to": field_types(
        string="name attention_to address1 address2 city state postal_code country"
    ),
}

_CUSTOMER_WRITES = field_types(
    string="name number email payment_terms attention_to address1 address2 city state postal_code"
    " country language currency phone tax_id avalara_entity_use_code avalara_exemption_number type"
    " notes",
    boolean="autopay chase credit_hold taxable active bill_to_parent consolidated",
    integer="chasing_cadence next_chase_step owner parent_customer sign_up_page ach_gateway"
    " cc_gateway late_fee_schedule",
    number="credit_limit",
    ids="taxes",
    metadata="metadata",
    array="disabled_payment_methods",
)

CUSTOMERS = ResourceDefinition(
    name="customers",
    singular="customer",
    prefix="CUST",
    template={
        "id": None,
        "object": "customer",
        **template({}, "name number email"),
        "autopay": False,
        **template({}, "payment_terms payment_source"),
        "taxes": [],
        "type": "company",
        **template({}, "attention_to address1 address2 city state postal_code"),
        "country": "US",
        **template({}, "language currency tax_id phone notes sign_up_page sign_up_url"),
        **template({}, "statement_pdf_url updated_at created_at"),
        "metadata": {},
        **template({}, "autopay_delay_days avalara_entity_use_code avalara_exemption_number"),
        "chase": True,
        **template({}, "chasing_cadence next_chase_step"),
        "credit_hold": False,
        **template({}, "credit_limit owner parent_customer"),
        "taxable": True,
        **template({}, "ach_gateway cc_gateway late_fee_schedule"),
        "active": True,
        "bill_to_parent": False,
        "consolidated": False,
        "convenience_fee": True,
        "surcharging": True,
    },
    create={**_CUSTOMER_WRITES, "autopay_delay_days": "integer"},
    update=_CUSTOMER_WRITES,
    required=("name",),
    blank_refused=("name", "number"),
    links={"statement_pdf_url": "statements/{token}/pdf"},
    indexed=("number", "parent_customer"),
    incremental=True,
)

# What invoices, estimates and credit notes share.
_DOCUMENT_WRITES = field_types(
    string="name number currency purchase_order notes",
    timestamp="date",
    boolean="draft closed calculate_taxes",
    items="items",
    discounts="discounts",
    taxes="taxes",
    metadata="metadata",
    array="attachments",
)
_BILL_WRITES = {
    **_DOCUMENT_WRITES,
    **field_types(string="payment_terms", ship_to="ship_to", array="disabled_payment_methods"),
}
_MONEY: Row = {"notes": None, "subtotal": 0, "discounts": [], "taxes": [], "total": 0}
_LINKS = template({}, "url pdf_url updated_at created_at")

_INVOICE_WRITES = {**_BILL_WRITES, **field_types(boolean="late_fees", timestamp="due_date")}

INVOICES = ResourceDefinition(
    name="invoices",
    singular="invoice",
    prefix="INV",
    template={
        "id": None,
        "object": "invoice",
        **template({}, "customer ship_to name"),
        "currency": "usd",
        "draft": False,
        "closed": False,
        "paid": False,
        "status": "not_sent",
        "autopay": False,
        "attempt_count": 0,
        **template({}, "next_payment_attempt subscription number date due_date payment_terms"),
        "purchase_order": None,
        "items": [],
        **_MONEY,
        "balance": 0,
        **template({}, "url payment_url pdf_url csv_url updated_at created_at"),
        "metadata": {},
        **template({}, "payment_plan payment_source"),
        "late_fees": True,
        "chase": True,
        "shipping": [],
    },
    create={**_INVOICE_WRITES, **field_types(integer="customer", boolean="autopay")},
    update={**_INVOICE_WRITES, "sent": "boolean"},
    required=("customer",),
    blank_refused=("number", "date", "currency"),
    links={
        "url": "invoices/{token}",
        "payment_url": "invoices/{token}/payment",
        "pdf_url": "invoices/{token}/pdf",
        "csv_url": "invoices/{token}/csv",
    },
    indexed=("number", "customer", "subscription"),
    dated=True,
    incremental=True,
)

_ESTIMATE_WRITES = {
    **_BILL_WRITES,
    **field_types(timestamp="expiration_date", number="deposit", boolean="deposit_paid"),
}

ESTIMATES = ResourceDefinition(
    name="estimates",
    singular="estimate",
    prefix="EST",
    template={
        "id": None,
        "object": "estimate",
        **template({}, "customer ship_to invoice name"),
        "currency": "usd",
        "draft": False,
        "closed": False,
        "status": "not_sent",
        **template({}, "number date payment_terms purchase_order"),
        "items": [],
        **_MONEY,
        "deposit": 0,
        "deposit_paid": False,
        **_LINKS,
        "metadata": {},
        **template({}, "approved expiration_date"),
        "shipping": [],
    },
    create={**_ESTIMATE_WRITES, **field_types(integer="customer invoice")},
    update=_ESTIMATE_WRITES,
    required=("customer",),
    blank_refused=("number", "date", "currency"),
    links={"url": "estimates/{token}", "pdf_url": "estimates/{token}/pdf"},
    indexed=("number", "customer"),
    dated=True,
    incremental=True,
)

CREDIT_NOTES = ResourceDefinition(
    name="credit_notes",
    singular="credit_note",
    label="CreditNote",
    prefix="CN",
    template={
        "id": None,
        "object": "credit_note",
        **template({}, "customer name"),
        "currency": "usd",
        "draft": False,
        "closed": False,
        "paid": False,
        "status": "open",
        **template({}, "number date purchase_order"),
        "items": [],
        **_MONEY,
        "balance": 0,
        **_LINKS,
        "metadata": {},
        "shipping": [],
    },
    create={**_DOCUMENT_WRITES, "customer": "integer"},
    update=_DOCUMENT_WRITES,
    required=("customer",),
    blank_refused=("number", "date", "currency"),
    links={"url": "credit_notes/{token}", "pdf_url": "credit_notes/{token}/pdf"},
    indexed=("number", "customer"),
    dated=True,
    incremental=True,
)

_SUBSCRIPTION_WRITES = field_types(
    string="plan contract_renewal_mode",
    timestamp="start_date",
    integer="quantity contract_renewal_cycles",
    number="amount",
    addons="addons",
    ids="discounts taxes",
    boolean="paused cancel_at_period_end",
    ship_to="ship_to",
    metadata="metadata",
)

SUBSCRIPTIONS = ResourceDefinition(
    name="subscriptions",
    singular="subscription",
    template={
        "id": None,
        "object": "subscription",
        **template({}, "customer ship_to plan amount cycles"),
        "quantity": 1,
        **template({}, "start_date period_start period_end"),
        "cancel_at_period_end": False,
        "canceled_at": None,
        "status": "active",
        "addons": [],
        "discounts": [],
        "taxes": [],
        "recurring_total": 0,
        "mrr": 0,
        **template({}, "url updated_at created_at"),
        "metadata": {},
        "bill_in": "advance",
        "bill_in_advance_days": 0,
        **template({}, "contract_period_end contract_period_start contract_renewal_cycles"),
        "contract_renewal_mode": "auto",
        "paused": False,
        **template({}, "description snap_to_nth_day payment_source"),
    },
    create={
        **_SUBSCRIPTION_WRITES,
        **field_types(
            integer="customer bill_in_advance_days cycles snap_to_nth_day", string="bill_in"
        ),
    },
    update={**_SUBSCRIPTION_WRITES, **field_types(boolean="prorate", timestamp="proration_date")},
    required=("customer", "plan"),
    blank_refused=("plan", "quantity", "start_date"),
    links={"url": "subscriptions/{token}"},
    indexed=("customer", "plan"),
    list_names=renewal,
    default_list="renewing",
    flags={
        "all": "all",
        "canceled&finished": "canceled and finished",
        "canceled": "canceled",
        "finished": "finished",
    },
    incremental=True,
)

_TRANSACTION_WRITES = field_types(
    timestamp="date",
    string="method status gateway gateway_id currency notes",
    number="amount",
    metadata="metadata",
)

TRANSACTIONS = ResourceDefinition(
    name="transactions",
    singular="transaction",
    template={
        "id": None,
        "object": "transaction",
        **template({}, "customer invoice credit_note date"),
        "type": "payment",
        "method": "other",
        "status": "succeeded",
        **template({}, "gateway gateway_id payment_source"),
        "currency": "usd",
        "amount": 0,
        **template({}, "notes failure_reason parent_transaction payment"),
        **template({}, "pdf_url created_at updated_at"),
        "metadata": {},
    },
    create={
        **_TRANSACTION_WRITES,
        **field_types(integer="customer invoice credit_note", string="type"),
    },
    update=_TRANSACTION_WRITES,
    required=("type",),
    blank_refused=("date", "method", "status", "currency", "amount"),
    links={"pdf_url": "payments/{token}/pdf"},
    indexed=("customer", "invoice", "credit_note", "payment"),
    dated=True,
    incremental=True,
)

DOCUMENTS = (CUSTOMERS, INVOICES, ESTIMATES, CREDIT_NOTES, SUBSCRIPTIONS, TRANSACTIONS)
