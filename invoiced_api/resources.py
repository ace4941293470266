"""The table of resources: every fact about a resource that the code works by, one row each.

Source: the reference of the API, https://developer.invoiced.com/api. Rows that are not `documented`
follow what the API returns.
"""

from collections.abc import Mapping

from invoiced_api.bodies import ListOf, Ref, body
from invoiced_api.definitions import (
    DeleteBehaviour,
    Parent,
    ReadStrategy,
    Resource,
    SideEffect,
    WriteCalls,
    of_a_customer,
)
from invoiced_api.write_bodies import (
    ADDON,
    ADJUSTMENT,
    CHARGE,
    CONTACT,
    CREDIT_NOTE,
    CUSTOMER,
    ESTIMATE,
    INVOICE,
    KNOWN,
    KNOWN_LINES,
    LINE,
    LINE_ITEM,
    NAMED,
    NEW,
    NEW_LINES,
    OF_CUSTOMER,
    PAYMENT,
    SERVICE,
    SUBSCRIPTION,
    TASK,
    TAX_RATES,
    TRANSACTION,
    parts,
)

# Some accounts show `updated_at` only if it is asked for.
DATED: tuple[Mapping[str, str], ...] = ({"include": "updated_at"},)
# The plain list leaves out what is archived.
WITH_ARCHIVED = (*DATED, {"archived": "1", "include": "updated_at"})

# Parents first: an object refers to objects of the rows above its own.
RESOURCES = (
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
        parent=of_a_customer("contact"),
        deleted_by=("contact.deleted",),
        writes=WriteCalls(create=CONTACT, update=CONTACT),
    ),
    Resource(
        name="payment_sources",
        path="/customers/{customer}/payment_sources",
        strategy=ReadStrategy.PER_PARENT,
        lists=DATED,
        parent=of_a_customer("payment_source"),
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
        parent=of_a_customer("line_item"),
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
        parent=Parent(
            resource="invoices",
            attribute="invoice",
            having="payment_plan",
            reported_by=("payment_plan",),
        ),
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
    Resource(
        name="estimate_attachments",
        path="/estimates/{estimate}/attachments",
        strategy=ReadStrategy.PER_PARENT,
        lists=DATED,
        parent=Parent(resource="estimates", attribute="estimate"),
    ),
    Resource(
        name="credit_note_attachments",
        path="/credit_notes/{credit_note}/attachments",
        strategy=ReadStrategy.PER_PARENT,
        lists=DATED,
        parent=Parent(resource="credit_notes", attribute="credit_note"),
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
