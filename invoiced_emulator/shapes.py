"""What every kind of object looks like, and what may be written to it: data only.

A row names the attributes of the object as Invoiced returns it, each with the value it has when
nothing was said, and the attributes that `POST` and `PATCH` accept, each with its type.
`timestamp` is an integer of UNIX seconds; `number` any JSON number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Key = int | str
Types = Mapping[str, str]


def everything(_: Row) -> tuple[str, ...]:
    """The lists on which an object appears: there is only one."""
    return ("all",)


def renewal(subscription: Row) -> tuple[str, ...]:
    """The lists on which a subscription appears: canceled and finished ones never renew."""
    status = subscription["status"]
    return ("all", status if status in ("canceled", "finished") else "renewing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of object.

    `links` maps attributes that hold a public address to its path, `{token}` to be filled in;
    `indexed` attributes are found without a scan; `shelves` says on which lists an object appears
    and `shelf` which of them a plain list shows; `blank_refused` attributes cannot be cleared.
    """

    name: str
    singular: str
    shape: Row
    create: Types = field(default_factory=dict)
    update: Types = field(default_factory=dict)
    required: tuple[str, ...] = ()
    blank_refused: tuple[str, ...] = ()
    prefix: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    indexed: tuple[str, ...] = ()
    shelves: Callable[[Row], tuple[str, ...]] = everything
    shelf: str = "all"
    dated: bool = False
    label: str = ""


def _typed(**names: str) -> Row:
    """`string="name email"` as `{"name": "string", "email": "string"}`."""
    return {name: kind for kind, listed in names.items() for name in listed.split()}


def _shape(template: Row, nulls: str) -> Row:
    return {**template, **dict.fromkeys(nulls.split())}


# The parts of objects: attributes accepted inside a list or a nested object.
PARTS: Mapping[str, Types] = {
    "items": _typed(
        integer="id",
        string="catalog_item type name description",
        number="quantity unit_cost",
        boolean="discountable taxable",
        discounts="discounts",
        taxes="taxes",
        metadata="metadata",
    ),
    "discounts": _typed(integer="id", number="amount", reference="coupon", timestamp="expires"),
    "taxes": _typed(integer="id", number="amount", reference="tax_rate"),
    "addons": _typed(integer="id quantity", string="plan description", price="amount"),
    "ship_to": _typed(string="name attention_to address1 address2 city state postal_code country"),
}

_CUSTOMER_WRITES = _typed(
    string="name number email payment_terms attention_to address1 address2 city state postal_code"
    " country language currency phone tax_id avalara_entity_use_code avalara_exemption_number type"
    " notes",
    boolean="autopay chase credit_hold taxable",
    integer="chasing_cadence next_chase_step owner parent_customer sign_up_page ach_gateway"
    " cc_gateway",
    number="credit_limit",
    taxes="taxes",
    metadata="metadata",
    array="disabled_payment_methods",
)

CUSTOMERS = Resource(
    name="customers",
    singular="customer",
    prefix="CUST",
    shape={
        "id": None,
        "object": "customer",
        **_shape({}, "name number email"),
        "autopay": False,
        **_shape({}, "payment_terms payment_source"),
        "taxes": [],
        "type": "company",
        **_shape({}, "attention_to address1 address2 city state postal_code"),
        "country": "US",
        **_shape({}, "language currency tax_id phone notes sign_up_page sign_up_url"),
        **_shape({}, "statement_pdf_url updated_at created_at"),
        "metadata": {},
        **_shape({}, "autopay_delay_days avalara_entity_use_code avalara_exemption_number"),
        "chase": True,
        **_shape({}, "chasing_cadence next_chase_step"),
        "credit_hold": False,
        **_shape({}, "credit_limit owner parent_customer"),
        "taxable": True,
        **_shape({}, "ach_gateway cc_gateway"),
    },
    create={**_CUSTOMER_WRITES, "autopay_delay_days": "integer"},
    update=_CUSTOMER_WRITES,
    required=("name",),
    blank_refused=("name", "number"),
    links={"statement_pdf_url": "statements/{token}/pdf"},
    indexed=("number", "parent_customer"),
)

# What invoices, estimates and credit notes share.
_DOCUMENT_WRITES = _typed(
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
    **_typed(string="payment_terms", ship_to="ship_to", array="disabled_payment_methods"),
}
_MONEY: Row = {"notes": None, "subtotal": 0, "discounts": [], "taxes": [], "total": 0}
_LINKS = _shape({}, "url pdf_url updated_at created_at")

INVOICES = Resource(
    name="invoices",
    singular="invoice",
    prefix="INV",
    shape={
        "id": None,
        "object": "invoice",
        **_shape({}, "customer ship_to name"),
        "currency": "usd",
        "draft": False,
        "closed": False,
        "paid": False,
        "status": "not_sent",
        "autopay": False,
        "attempt_count": 0,
        **_shape({}, "next_payment_attempt subscription number date due_date payment_terms"),
        "purchase_order": None,
        "items": [],
        **_MONEY,
        "balance": 0,
        **_shape({}, "url payment_url pdf_url updated_at created_at"),
        "metadata": {},
        "payment_plan": None,
    },
    create={**_BILL_WRITES, **_typed(integer="customer", boolean="autopay", timestamp="due_date")},
    update={**_BILL_WRITES, **_typed(boolean="sent", timestamp="due_date")},
    required=("customer",),
    blank_refused=("number", "date", "currency"),
    links={
        "url": "invoices/{token}",
        "payment_url": "invoices/{token}/payment",
        "pdf_url": "invoices/{token}/pdf",
    },
    indexed=("number", "customer", "subscription"),
    dated=True,
)

_ESTIMATE_WRITES = {
    **_BILL_WRITES,
    **_typed(timestamp="expiration_date", number="deposit", boolean="deposit_paid"),
}

ESTIMATES = Resource(
    name="estimates",
    singular="estimate",
    prefix="EST",
    shape={
        "id": None,
        "object": "estimate",
        **_shape({}, "customer ship_to invoice name"),
        "currency": "usd",
        "draft": False,
        "closed": False,
        "status": "not_sent",
        **_shape({}, "number date payment_terms purchase_order"),
        "items": [],
        **_MONEY,
        "deposit": 0,
        "deposit_paid": False,
        **_LINKS,
        "metadata": {},
        **_shape({}, "approved expiration_date"),
    },
    create={**_ESTIMATE_WRITES, **_typed(integer="customer invoice")},
    update=_ESTIMATE_WRITES,
    required=("customer",),
    blank_refused=("number", "date", "currency"),
    links={"url": "estimates/{token}", "pdf_url": "estimates/{token}/pdf"},
    indexed=("number", "customer"),
    dated=True,
)

CREDIT_NOTES = Resource(
    name="credit_notes",
    singular="credit_note",
    label="CreditNote",
    prefix="CN",
    shape={
        "id": None,
        "object": "credit_note",
        **_shape({}, "customer name"),
        "currency": "usd",
        "draft": False,
        "closed": False,
        "paid": False,
        "status": "open",
        **_shape({}, "number date purchase_order"),
        "items": [],
        **_MONEY,
        "balance": 0,
        **_LINKS,
        "metadata": {},
    },
    create={**_DOCUMENT_WRITES, "customer": "integer"},
    update=_DOCUMENT_WRITES,
    required=("customer",),
    blank_refused=("number", "date", "currency"),
    links={"url": "credit_notes/{token}", "pdf_url": "credit_notes/{token}/pdf"},
    indexed=("number", "customer"),
    dated=True,
)

_SUBSCRIPTION_WRITES = _typed(
    string="plan contract_renewal_mode",
    timestamp="start_date",
    integer="quantity contract_renewal_cycles",
    addons="addons",
    discounts="discounts",
    taxes="taxes",
    boolean="paused cancel_at_period_end",
    ship_to="ship_to",
    metadata="metadata",
)

SUBSCRIPTIONS = Resource(
    name="subscriptions",
    singular="subscription",
    shape={
        "id": None,
        "object": "subscription",
        **_shape({}, "customer ship_to plan amount cycles"),
        "quantity": 1,
        **_shape({}, "start_date period_start period_end"),
        "cancel_at_period_end": False,
        "canceled_at": None,
        "status": "active",
        "addons": [],
        "discounts": [],
        "taxes": [],
        "recurring_total": 0,
        "mrr": 0,
        **_shape({}, "url updated_at created_at"),
        "metadata": {},
        "bill_in": "advance",
        "bill_in_advance_days": 0,
        **_shape({}, "contract_period_end contract_period_start contract_renewal_cycles"),
        "contract_renewal_mode": "auto",
        "paused": False,
    },
    create={
        **_SUBSCRIPTION_WRITES,
        **_typed(integer="customer bill_in_advance_days cycles snap_to_nth_day", string="bill_in"),
    },
    update={**_SUBSCRIPTION_WRITES, **_typed(boolean="prorate", timestamp="proration_date")},
    required=("customer", "plan"),
    blank_refused=("plan", "quantity", "start_date"),
    links={"url": "subscriptions/{token}"},
    indexed=("customer", "plan"),
    shelves=renewal,
    shelf="renewing",
)

_TRANSACTION_WRITES = _typed(
    timestamp="date",
    string="method status gateway gateway_id currency notes",
    number="amount",
    metadata="metadata",
)

TRANSACTIONS = Resource(
    name="transactions",
    singular="transaction",
    shape={
        "id": None,
        "object": "transaction",
        **_shape({}, "customer invoice credit_note date"),
        "type": "payment",
        "method": "other",
        "status": "succeeded",
        **_shape({}, "gateway gateway_id payment_source"),
        "currency": "usd",
        "amount": 0,
        **_shape({}, "notes failure_reason parent_transaction pdf_url created_at updated_at"),
        "metadata": {},
    },
    create={
        **_TRANSACTION_WRITES,
        **_typed(integer="customer invoice credit_note", string="type"),
    },
    update=_TRANSACTION_WRITES,
    required=("type",),
    blank_refused=("date", "method", "status", "currency", "amount"),
    links={"pdf_url": "payments/{token}/pdf"},
    indexed=("customer", "invoice", "credit_note"),
    dated=True,
)

PLANS = Resource(
    name="plans",
    singular="plan",
    shape={
        **_shape({"id": None, "object": "plan"}, "name"),
        "currency": "usd",
        "amount": 0,
        "interval": "month",
        "interval_count": 1,
        **_shape({}, "catalog_item updated_at created_at"),
        "metadata": {},
        "pricing_mode": "per_unit",
        "quantity_type": "constant",
        "tiers": None,
    },
)

ITEMS = Resource(
    name="items",
    singular="item",
    shape={
        **_shape({"id": None, "object": "item"}, "name"),
        "currency": "usd",
        "unit_cost": 0,
        **_shape({}, "description type"),
        "taxes": [],
        "gl_account": None,
        "discountable": True,
        "taxable": True,
        **_shape({}, "avalara_tax_code avalara_location_code updated_at created_at"),
        "metadata": {},
    },
)

_RATE = {"name": None, "currency": None, "value": 0, "is_percent": True}

COUPONS = Resource(
    name="coupons",
    singular="coupon",
    shape={
        **_shape({"id": None, "object": "coupon", **_RATE}, "updated_at created_at"),
        "metadata": {},
        "exclusive": False,
        "expiration_date": None,
        "max_redemptions": 0,
    },
)

TAX_RATES = Resource(
    name="tax_rates",
    singular="tax_rate",
    shape={
        **_shape({"id": None, "object": "tax_rate", **_RATE}, "updated_at created_at"),
        "metadata": {},
        "inclusive": False,
    },
)

RESOURCES = (
    CUSTOMERS,
    INVOICES,
    ESTIMATES,
    CREDIT_NOTES,
    SUBSCRIPTIONS,
    TRANSACTIONS,
    PLANS,
    ITEMS,
    COUPONS,
    TAX_RATES,
)
