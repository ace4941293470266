"""The attributes that Invoiced accepts in a write, by kind of object.

Source: the reference of the API, https://developer.invoiced.com/api.
"""

from invoiced_api.bodies import Body, ListOf, Nested, Ref, RefList, body

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
# Further attributes of a line that a subscription's plan creates.
SERVICE = body(booleans="prorated", timestamps="period_start period_end", plan=Ref("plans"))


def parts(own_id: Body) -> Body:
    """The lists of parts that documents and their lines have.

    A part with an id in an update is changed in place; the others are replaced.

    Args:
        own_id: the attribute by which a part names itself; empty for a new document.
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
