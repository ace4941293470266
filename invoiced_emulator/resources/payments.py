"""What payments, charges, refunds, credit balance adjustments and payment plans look like."""

from invoiced_emulator.resources.definition import ResourceDefinition, field_types, template

_PAYMENT_WRITES = field_types(
    integer="customer",
    timestamp="date",
    string="method currency reference ach_sender_id source notes",
    number="amount",
    applications="applied_to",
    metadata="metadata",
)

PAYMENTS = ResourceDefinition(
    name="payments",
    singular="payment",
    template={
        **template({"id": None, "object": "payment"}, "customer date"),
        "currency": "usd",
        "amount": 0,
        "balance": 0,
        "matched": None,
        "voided": False,
        "method": "other",
        **template({}, "ach_sender_id reference source notes charge"),
        "applied_to": [],
        **template({}, "pdf_url created_at updated_at"),
        "metadata": {},
    },
    create=_PAYMENT_WRITES,
    update=_PAYMENT_WRITES,
    blank_refused=("date", "currency", "method", "amount"),
    links={"pdf_url": "payments/{token}/pdf"},
    indexed=("customer",),
    on_request=("applied_to",),
    dated=True,
    incremental=True,
)

CHARGES = ResourceDefinition(
    name="charges",
    singular="charge",
    template={
        **template({"id": None, "object": "charge"}, "customer"),
        "currency": "usd",
        "amount": 0,
        "amount_refunded": 0,
        "disputed": False,
        **template({}, "failure_message gateway gateway_id receipt_email"),
        "refunded": False,
        "status": "succeeded",
        "payment_source": None,
        "refunds": [],
        **template({}, "description merchant_account created_at updated_at"),
    },
    create=field_types(
        integer="customer",
        string="method currency invoiced_token gateway_token payment_source_type receipt_email",
        number="amount payment_source_id",
        boolean="vault_method make_default",
        applications="applied_to",
    ),
    required=("customer", "method", "amount", "applied_to"),
    indexed=("customer",),
    eventful=False,
)

REFUNDS = ResourceDefinition(
    name="refunds",
    singular="refund",
    template={
        **template({"id": None, "object": "refund"}, "charge"),
        "currency": "usd",
        "amount": 0,
        **template({}, "failure_message gateway gateway_id"),
        "status": "succeeded",
        **template({}, "created_at updated_at"),
    },
    create=field_types(number="amount"),
    required=("amount",),
    indexed=("charge",),
    owner="charge",
    eventful=False,
)

_ADJUSTMENT_WRITES = field_types(
    integer="customer", string="currency notes", number="amount", timestamp="date"
)

CREDIT_BALANCE_ADJUSTMENTS = ResourceDefinition(
    name="credit_balance_adjustments",
    singular="credit_balance_adjustment",
    label="CreditBalanceAdjustment",
    template={
        **template({"id": None, "object": "credit_balance_adjustment"}, "customer date"),
        "currency": "usd",
        "amount": 0,
        **template({}, "notes created_at updated_at"),
    },
    create=_ADJUSTMENT_WRITES,
    update=_ADJUSTMENT_WRITES,
    required=("customer", "amount"),
    blank_refused=("customer", "date", "currency", "amount"),
    indexed=("customer",),
    eventful=False,
)

PAYMENT_PLANS = ResourceDefinition(
    name="payment_plans",
    singular="payment_plan",
    label="PaymentPlan",
    template={
        **template({"id": None, "object": "payment_plan"}),
        "status": "active",
        "installments": [],
        **template({}, "approval created_at updated_at"),
    },
    create={"installments": "installments"},
    required=("installments",),
    indexed=("_invoice",),
    owner="_invoice",
)

MONEY = (PAYMENTS, CHARGES, REFUNDS, CREDIT_BALANCE_ADJUSTMENTS, PAYMENT_PLANS)
