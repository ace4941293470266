"""The table of resources: every fact about a resource that the code works by, one row each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from invoiced_api.bodies import Body, Each, One, Ref, body


class Removal(Enum):
    """What takes an object out of the books."""

    DELETE = "deleted for good"
    VOID_ONCE_ISSUED = "a draft is deleted, an issued document is voided"
    CANCEL = "deleting it cancels it; the object stays"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of object. What a resource cannot do is absent from its row.

    `path` is its list, with `/ID` its object, with `/ID/void` the call that voids it.
    `lists` are the queries that together return every object, in the order in which an object can
    move from one to the next. `natural_key` is the caller's own, unique reference, if there is one.
    """

    name: str
    path: str
    lists: tuple[Mapping[str, str], ...] = ({},)
    key: tuple[str, ...] = ("id",)
    replication_key: str = "updated_at"
    natural_key: str | None = None
    create: Body
    update: Body
    removal: Removal = Removal.DELETE


SHIPPING = One(
    body("name attention_to address1 address2 city state postal_code country"),
)
DISCOUNT = body("amount", timestamps="expires", coupon=Ref("coupons"))
TAX = body("amount", tax_rate=Ref("tax_rates"))
ADDON = body("amount quantity description", plan=Ref("plans"))
LINE_ITEM = body(
    "type name description quantity unit_cost discountable taxable metadata",
    catalog_item=Ref("items"),
)


def parts(own_id: Body) -> Body:
    """The lists of parts that documents and their lines have. `own_id` tells how a part says which.

    A part that carries its id in an update is changed in place; the others are replaced.
    """
    return {"discounts": Each({**own_id, **DISCOUNT}), "taxes": Each({**own_id, **TAX})}


NEW, KNOWN = body(), body("id")
NEW_LINES: Body = {"items": Each({**LINE_ITEM, **parts(NEW)}), **parts(NEW)}
KNOWN_LINES: Body = {"items": Each({**KNOWN, **LINE_ITEM, **parts(KNOWN)}), **parts(KNOWN)}

CUSTOMER = body(
    "name number email autopay payment_terms attention_to address1 address2 city state postal_code "
    "country language currency chase chasing_cadence next_chase_step phone credit_hold "
    "credit_limit owner taxable tax_id avalara_entity_use_code avalara_exemption_number type notes "
    "sign_up_page metadata disabled_payment_methods ach_gateway cc_gateway",
    parent_customer=Ref("customers"),
)
DOCUMENT = body(
    "name number currency draft closed notes metadata attachments calculate_taxes",
    timestamps="date",
)
INVOICE: Body = {
    **DOCUMENT,
    **body("payment_terms purchase_order disabled_payment_methods", timestamps="due_date"),
    "ship_to": SHIPPING,
}
ESTIMATE: Body = {
    **DOCUMENT,
    **body(
        "payment_terms purchase_order disabled_payment_methods deposit deposit_paid",
        timestamps="expiration_date",
    ),
    "ship_to": SHIPPING,
}
CREDIT_NOTE: Body = {**DOCUMENT, **body("purchase_order")}
SUBSCRIPTION = body(
    "quantity paused contract_renewal_cycles contract_renewal_mode cancel_at_period_end metadata",
    timestamps="start_date",
    plan=Ref("plans"),
    ship_to=SHIPPING,
)
TRANSACTION = body(
    "method status gateway gateway_id currency amount notes metadata", timestamps="date"
)
OF_CUSTOMER = body(customer=Ref("customers"))

# Parents first: an object refers to objects of the rows above its own.
RESOURCES = (
    Resource(
        name="customers",
        path="/customers",
        natural_key="number",
        create={**CUSTOMER, **body("autopay_delay_days", taxes=Each(TAX))},
        update={**CUSTOMER, **body(taxes=Each({**KNOWN, **TAX}))},
    ),
    Resource(
        name="subscriptions",
        path="/subscriptions",
        # The plain list holds only subscriptions with a renewal to come.
        lists=({}, {"canceled": "1"}, {"finished": "1"}),
        create={
            **OF_CUSTOMER,
            **SUBSCRIPTION,
            **body("bill_in bill_in_advance_days cycles snap_to_nth_day", addons=Each(ADDON)),
            **parts(NEW),
        },
        update={
            **SUBSCRIPTION,
            **body("prorate", timestamps="proration_date", addons=Each({**KNOWN, **ADDON})),
            **parts(KNOWN),
        },
        removal=Removal.CANCEL,
    ),
    Resource(
        name="invoices",
        path="/invoices",
        natural_key="number",
        create={**OF_CUSTOMER, **INVOICE, **body("autopay"), **NEW_LINES},
        update={**INVOICE, **body("sent"), **KNOWN_LINES},
        removal=Removal.VOID_ONCE_ISSUED,
    ),
    Resource(
        name="estimates",
        path="/estimates",
        natural_key="number",
        create={**OF_CUSTOMER, **ESTIMATE, **body(invoice=Ref("invoices")), **NEW_LINES},
        update={**ESTIMATE, **KNOWN_LINES},
        removal=Removal.VOID_ONCE_ISSUED,
    ),
    Resource(
        name="credit_notes",
        path="/credit_notes",
        natural_key="number",
        create={**OF_CUSTOMER, **CREDIT_NOTE, **NEW_LINES},
        update={**CREDIT_NOTE, **KNOWN_LINES},
        removal=Removal.VOID_ONCE_ISSUED,
    ),
    Resource(
        name="transactions",
        path="/transactions",
        create={
            **OF_CUSTOMER,
            **TRANSACTION,
            **body("type", invoice=Ref("invoices"), credit_note=Ref("credit_notes")),
        },
        update=TRANSACTION,
    ),
)
BY_NAME: Mapping[str, Resource] = {resource.name: resource for resource in RESOURCES}
