"""The table of resources: every fact about a resource that the code works by, one row each."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from invoiced_api.bodies import Body, ListOf, Nested, Ref, RefList, body


class DeleteBehaviour(Enum):
    """What takes an object out of the books."""

    DELETE = "deleted for good"
    VOID_ONCE_ISSUED = "a draft is deleted, an issued document is voided"
    VOID = "deleting it voids it; the object stays"
    CANCEL = "deleting it cancels it; the object stays"


class SideEffect(Enum):
    """What a write may do to a customer or a card, beyond the books."""

    EMAILS = "emails"
    CHARGES = "charges"
    PAYMENT_SOURCES = "payment_sources"
    AUTOPAY = "autopay"


class ReadStrategy(Enum):
    """How the changes of a resource are read."""

    INCREMENTAL = "incremental: the list is filtered and sorted by `updated_at`"
    FULL_SCAN = (
        "full scan: the whole list is read, and objects updated since the bookmark are emitted"
    )
    PER_PARENT = "full scan of a list below each object of the parent stream"
    NEWEST_FIRST = (
        "newest first: the list is read back to the bookmark, and its objects never change"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The resource that children stand below. `attribute` names the parent's id in the child.

    Only parents that have something in `having` have children, if that is given. `singleton`: each
    parent has one object, which has no id.
    """

    resource: str
    attribute: str
    having: str | None = None
    singleton: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCalls:
    """What the calls accept that create and update an object, and how it leaves the books.

    `update` and `removal` are None where there is no such call. `path` is where objects are
    created, if that is not their list; `object_path` is one object, below `path` unless given. Both name
    in braces the attributes that fill them. A `singleton` object is the only one of its parent: it is
    set (PUT) at `path`, which is also where it is deleted. Of the attributes in `one_of` a create
    takes one, the first that a record has. `side_effect` is what every create has. Invoiced refuses
    to clear an attribute in `required`.
    """

    create: Body
    update: Body | None = None
    removal: DeleteBehaviour | None = DeleteBehaviour.DELETE
    path: str | None = None
    object_path: str | None = None
    singleton: bool = False
    one_of: tuple[str, ...] = ()
    side_effect: SideEffect | None = None
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of object. What a resource cannot do is absent from its row.

    `path` is its list, with `/ID` its object, with `/ID/void` the call that voids it; children
    name their parent in it, as `{customer}`. `lists` are the queries that together return every
    object, in the order in which an object can move from one to the next. `natural_key` is the
    caller's own, unique reference. `money` are the columns of amounts in its `currency`.
    `deleted_by` are the types of event that report a removal. `customer_column` holds the id of
    the customer that an object belongs to.

    If no page describes its objects, it is not `documented`: attributes without a column are always
    kept, and an account may lack its list. `flag` is a parameter of one of the `lists`, and the
    column that shows whether a row came from it.

    It has more fields than a class should have, since it is the row of a table.
    """

    name: str
    path: str
    strategy: ReadStrategy = ReadStrategy.INCREMENTAL
    lists: tuple[Mapping[str, str], ...] = ({},)
    parent: Parent | None = None
    replication_key: str = "updated_at"
    by_default: bool = False
    documented: bool = True
    flag: str | None = None
    natural_key: str | None = None
    money: tuple[str, ...] = ()
    deleted_by: tuple[str, ...] = ()
    customer_column: str | None = None
    writes: WriteCalls | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The attributes that tell its objects apart."""
        if self.parent and self.parent.singleton:
            return (self.parent.attribute,)
        return (self.parent.attribute, "id") if self.parent else ("id",)

    @property
    def singular(self) -> str:
        """What an attribute that refers to one of its objects is called."""
        return self.name.removesuffix("s")


SHIPPING = Nested(
    body("name attention_to address1 address2 city state postal_code country"),
)
DISCOUNT = body(numbers="amount", timestamps="expires", coupon=Ref("coupons"))
TAX = body(numbers="amount", tax_rate=Ref("tax_rates"))
ADDON = body("description", numbers="amount quantity", plan=Ref("plans"))
LINE = body(
    "type name description",
    numbers="quantity unit_cost",
    booleans="discountable taxable",
    json="metadata",
)
LINE_ITEM: Body = {**LINE, **body(catalog_item=Ref("items"))}
# What a line of a subscription's plan has beside.
SERVICE = body(booleans="prorated", timestamps="period_start period_end", plan=Ref("plans"))


def parts(own_id: Body) -> Body:
    """The lists of parts that documents and their lines have. `own_id` tells how a part says which.

    A part that carries its id in an update is changed in place; the others are replaced.
    """
    return {"discounts": ListOf({**own_id, **DISCOUNT}), "taxes": ListOf({**own_id, **TAX})}


NEW, KNOWN = body(), body(integers="id")
NEW_LINES: Body = {"items": ListOf({**LINE_ITEM, **parts(NEW)}), **parts(NEW)}
KNOWN_LINES: Body = {"items": ListOf({**KNOWN, **LINE_ITEM, **parts(KNOWN)}), **parts(KNOWN)}

# Customers, items and subscriptions name tax rates and coupons; documents hold taxes and discounts.
TAX_RATES = RefList("tax_rates", "tax_rate")
COUPONS = RefList("coupons", "coupon")

CUSTOMER = body(
    "name number email payment_terms attention_to address1 address2 city state postal_code country "
    "language currency phone tax_id avalara_entity_use_code avalara_exemption_number type notes",
    numbers="credit_limit",
    integers="chasing_cadence next_chase_step owner sign_up_page ach_gateway cc_gateway "
    "late_fee_schedule",
    booleans="autopay chase credit_hold taxable active bill_to_parent consolidated",
    json="metadata disabled_payment_methods",
    parent_customer=Ref("customers"),
    taxes=TAX_RATES,
)
DOCUMENT = body(
    "name number currency notes",
    booleans="draft closed calculate_taxes",
    json="metadata attachments",
    timestamps="date",
)
INVOICE: Body = {
    **DOCUMENT,
    **body(
        "payment_terms purchase_order",
        booleans="late_fees",
        json="disabled_payment_methods",
        timestamps="due_date",
    ),
    "ship_to": SHIPPING,
}
ESTIMATE: Body = {
    **DOCUMENT,
    **body(
        "payment_terms purchase_order",
        numbers="deposit",
        booleans="deposit_paid",
        json="disabled_payment_methods",
        timestamps="expiration_date",
    ),
    "ship_to": SHIPPING,
}
CREDIT_NOTE: Body = {**DOCUMENT, **body("purchase_order")}
SUBSCRIPTION = body(
    "contract_renewal_mode",
    numbers="quantity amount",
    integers="contract_renewal_cycles",
    booleans="paused cancel_at_period_end",
    json="metadata",
    timestamps="start_date",
    plan=Ref("plans"),
    ship_to=SHIPPING,
    discounts=COUPONS,
    taxes=TAX_RATES,
)
TRANSACTION = body(
    "method status gateway gateway_id currency notes",
    numbers="amount",
    json="metadata",
    timestamps="date",
)
OF_CUSTOMER = body(customer=Ref("customers"))
APPLICATION = body(
    "type document_type",
    numbers="amount",
    invoice=Ref("invoices"),
    estimate=Ref("estimates"),
    credit_note=Ref("credit_notes"),
)
PAYMENT: Body = {
    **OF_CUSTOMER,
    **body(
        "method currency reference ach_sender_id source notes",
        numbers="amount",
        json="metadata",
        timestamps="date",
    ),
    "applied_to": ListOf(APPLICATION),
}
CHARGE: Body = {
    **OF_CUSTOMER,
    **body(
        "method currency invoiced_token gateway_token payment_source_type receipt_email",
        numbers="amount",
        integers="payment_source_id",
        booleans="vault_method make_default",
    ),
    "applied_to": ListOf(APPLICATION),
}
ADJUSTMENT: Body = {**OF_CUSTOMER, **body("currency notes", numbers="amount", timestamps="date")}
CONTACT = body(
    "name title email phone department address1 address2 city state postal_code country",
    booleans="primary sms_enabled send_new_invoices",
)
TASK = body("name action", integers="user_id", timestamps="due_date")
NAMED = body("name", json="metadata")

# Some accounts show `updated_at` only if it is asked for.
DATED: tuple[Mapping[str, str], ...] = ({"include": "updated_at"},)
# The plain list leaves out what is archived.
WITH_ARCHIVED = (*DATED, {"archived": "1", "include": "updated_at"})
OF_A_CUSTOMER = Parent(resource="customers", attribute="customer")

# Parents first: an object refers to objects of the rows above its own.
RESOURCES = (
    Resource(
        name="items",
        path="/items",
        strategy=ReadStrategy.FULL_SCAN,
        lists=WITH_ARCHIVED,
        flag="archived",
        natural_key="id",
        writes=WriteCalls(
            create=body(
                "id name currency description type avalara_tax_code avalara_location_code "
                "gl_account",
                numbers="unit_cost",
                booleans="taxable discountable",
                json="metadata",
                taxes=TAX_RATES,
            ),
            update=body("name description type", json="metadata", taxes=TAX_RATES),
        ),
    ),
    Resource(
        name="plans",
        path="/plans",
        strategy=ReadStrategy.FULL_SCAN,
        lists=WITH_ARCHIVED,
        flag="archived",
        natural_key="id",
        writes=WriteCalls(
            create=body(
                "id name currency pricing_mode quantity_type interval",
                numbers="amount",
                integers="interval_count",
                json="tiers metadata",
                catalog_item=Ref("items"),
            ),
            update=NAMED,
        ),
    ),
    Resource(
        name="coupons",
        path="/coupons",
        strategy=ReadStrategy.FULL_SCAN,
        lists=WITH_ARCHIVED,
        flag="archived",
        natural_key="id",
        writes=WriteCalls(
            create=body(
                "id name currency",
                numbers="value",
                integers="max_redemptions",
                booleans="is_percent exclusive",
                json="metadata",
                timestamps="expiration_date",
            ),
            update=NAMED,
        ),
    ),
    Resource(
        name="tax_rates",
        path="/tax_rates",
        strategy=ReadStrategy.FULL_SCAN,
        lists=WITH_ARCHIVED,
        flag="archived",
        natural_key="id",
        writes=WriteCalls(
            create=body(
                "id name currency",
                numbers="value",
                booleans="inclusive is_percent",
                json="metadata",
            ),
            update=NAMED,
        ),
    ),
    Resource(
        name="customers",
        path="/customers",
        customer_column="parent_customer",
        by_default=True,
        deleted_by=("customer.deleted", "customer.merged"),
        natural_key="number",
        writes=WriteCalls(
            create={**CUSTOMER, **body(integers="autopay_delay_days")},
            update=CUSTOMER,
        ),
    ),
    Resource(
        name="subscriptions",
        path="/subscriptions",
        customer_column="customer",
        money=("recurring_total", "mrr"),
        by_default=True,
        # The plain list holds only subscriptions with a renewal to come.
        # Each list holds those that are canceled or not, and finished or not, just as it asks.
        lists=({}, {"canceled": "1"}, {"finished": "1"}, {"canceled": "1", "finished": "1"}),
        writes=WriteCalls(
            create={
                **OF_CUSTOMER,
                **SUBSCRIPTION,
                **body("bill_in", integers="bill_in_advance_days cycles snap_to_nth_day"),
                **body(addons=ListOf(ADDON)),
            },
            update={
                **SUBSCRIPTION,
                **body(booleans="prorate", timestamps="proration_date"),
                **body(addons=ListOf({**KNOWN, **ADDON})),
            },
            removal=DeleteBehaviour.CANCEL,
            required=frozenset({"plan", "quantity", "start_date"}),
        ),
    ),
    Resource(
        name="invoices",
        path="/invoices",
        customer_column="customer",
        money=("subtotal", "total", "balance"),
        by_default=True,
        deleted_by=("invoice.deleted",),
        natural_key="number",
        writes=WriteCalls(
            create={**OF_CUSTOMER, **INVOICE, **body(booleans="autopay"), **NEW_LINES},
            update={**INVOICE, **body(booleans="sent"), **KNOWN_LINES},
            removal=DeleteBehaviour.VOID_ONCE_ISSUED,
        ),
    ),
    Resource(
        name="estimates",
        path="/estimates",
        customer_column="customer",
        money=("subtotal", "total"),
        by_default=True,
        deleted_by=("estimate.deleted",),
        natural_key="number",
        writes=WriteCalls(
            create={**OF_CUSTOMER, **ESTIMATE, **body(invoice=Ref("invoices")), **NEW_LINES},
            update={**ESTIMATE, **KNOWN_LINES},
            removal=DeleteBehaviour.VOID_ONCE_ISSUED,
        ),
    ),
    Resource(
        name="credit_notes",
        path="/credit_notes",
        customer_column="customer",
        money=("subtotal", "total", "balance"),
        by_default=True,
        deleted_by=("credit_note.deleted",),
        natural_key="number",
        writes=WriteCalls(
            create={**OF_CUSTOMER, **CREDIT_NOTE, **NEW_LINES},
            update={**CREDIT_NOTE, **KNOWN_LINES},
            removal=DeleteBehaviour.VOID_ONCE_ISSUED,
        ),
    ),
    Resource(
        name="transactions",
        path="/transactions",
        customer_column="customer",
        deleted_by=("transaction.deleted",),
        money=("amount",),
        by_default=True,
        writes=WriteCalls(
            create={
                **OF_CUSTOMER,
                **TRANSACTION,
                **body("type", invoice=Ref("invoices"), credit_note=Ref("credit_notes")),
            },
            update=TRANSACTION,
            required=frozenset({"method", "status", "amount"}),
        ),
    ),
    Resource(
        name="payments",
        path="/payments",
        customer_column="customer",
        money=("amount", "balance"),
        lists=({"include": "applied_to"},),
        writes=WriteCalls(
            create=PAYMENT,
            update=PAYMENT,
            removal=DeleteBehaviour.VOID,
            required=frozenset({"method", "amount"}),
        ),
    ),
    Resource(
        name="credit_balance_adjustments",
        path="/credit_balance_adjustments",
        customer_column="customer",
        strategy=ReadStrategy.FULL_SCAN,
        lists=DATED,
        writes=WriteCalls(
            create=ADJUSTMENT,
            update=ADJUSTMENT,
            required=frozenset({"customer", "amount"}),
        ),
    ),
    Resource(
        name="charges",
        path="/charges",
        customer_column="customer",
        strategy=ReadStrategy.FULL_SCAN,
        lists=DATED,
        writes=WriteCalls(create=CHARGE, removal=None, side_effect=SideEffect.CHARGES),
    ),
    Resource(
        name="refunds",
        path="/refunds",
        strategy=ReadStrategy.FULL_SCAN,
        lists=DATED,
        writes=WriteCalls(
            create=body(numbers="amount"),
            removal=None,
            path="/charges/{charge}/refunds",
            side_effect=SideEffect.CHARGES,
        ),
    ),
    Resource(
        name="tasks",
        path="/tasks",
        customer_column="customer_id",
        strategy=ReadStrategy.FULL_SCAN,
        lists=DATED,
        deleted_by=("task.deleted",),
        writes=WriteCalls(create={**TASK, **body(customer_id=Ref("customers"))}, update=TASK),
    ),
    Resource(
        name="notes",
        path="/notes",
        customer_column="customer",
        strategy=ReadStrategy.FULL_SCAN,
        lists=DATED,
        deleted_by=("note.deleted",),
        writes=WriteCalls(
            create=body("notes", customer_id=Ref("customers"), invoice_id=Ref("invoices")),
            update=body("notes"),
            one_of=("invoice_id", "customer_id"),
        ),
    ),
    Resource(
        name="contacts",
        path="/customers/{customer}/contacts",
        strategy=ReadStrategy.PER_PARENT,
        lists=DATED,
        parent=OF_A_CUSTOMER,
        deleted_by=("contact.deleted",),
        writes=WriteCalls(create=CONTACT, update=CONTACT),
    ),
    Resource(
        name="payment_sources",
        path="/customers/{customer}/payment_sources",
        strategy=ReadStrategy.PER_PARENT,
        lists=DATED,
        parent=OF_A_CUSTOMER,
        deleted_by=("payment_source.deleted",),
        writes=WriteCalls(
            create=body("method invoiced_token gateway_token", booleans="make_default"),
            object_path="/customers/{customer}/{object}s/{id}",
            side_effect=SideEffect.PAYMENT_SOURCES,
        ),
    ),
    Resource(
        name="pending_line_items",
        path="/customers/{customer}/line_items",
        strategy=ReadStrategy.PER_PARENT,
        lists=DATED,
        parent=OF_A_CUSTOMER,
        deleted_by=("line_item.deleted",),
        writes=WriteCalls(
            create={**LINE_ITEM, **SERVICE, **parts(NEW)},
            update={**LINE, **SERVICE, **parts(KNOWN)},
            required=frozenset({"quantity", "unit_cost"}),
        ),
    ),
    Resource(
        name="payment_plans",
        path="/invoices/{invoice}/payment_plan",
        strategy=ReadStrategy.PER_PARENT,
        lists=DATED,
        parent=Parent(resource="invoices", attribute="invoice", having="payment_plan"),
        deleted_by=("payment_plan.deleted",),
        writes=WriteCalls(
            create=body(installments=ListOf(body(numbers="amount", timestamps="date"))),
            singleton=True,
        ),
    ),
    Resource(
        name="customer_balances",
        path="/customers/{customer}/balance",
        strategy=ReadStrategy.PER_PARENT,
        parent=Parent(resource="customers", attribute="customer", singleton=True),
    ),
    Resource(
        name="attachments",
        path="/invoices/{invoice}/attachments",
        strategy=ReadStrategy.PER_PARENT,
        lists=DATED,
        parent=Parent(resource="invoices", attribute="invoice"),
    ),
    *(
        Resource(name=name, path=f"/{name}", strategy=ReadStrategy.FULL_SCAN, documented=False)
        for name in (
            "members",
            "roles",
            "custom_fields",
            "customer_chasing_cadences",
            "invoice_chasing_cadences",
            "gl_accounts",
            "late_fee_schedules",
            "merchant_accounts",
            "payment_methods",
            "tax_rules",
            "payment_links",
            "disputes",
            "payouts",
            "merchant_account_transactions",
        )
    ),
    Resource(
        name="events",
        path="/events",
        strategy=ReadStrategy.NEWEST_FIRST,
        replication_key="timestamp",
    ),
)
BY_NAME: Mapping[str, Resource] = {resource.name: resource for resource in RESOURCES}
BY_SINGULAR: Mapping[str, Resource] = {resource.singular: resource for resource in RESOURCES}
# What can be written to.
ENDPOINTS: Mapping[str, WriteCalls] = {
    resource.name: resource.writes for resource in RESOURCES if resource.writes
}
