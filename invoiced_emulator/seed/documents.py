"""The documents of the sample data, and their payments."""

from collections.abc import Iterator

from invoiced_emulator.money import Number, money
from invoiced_emulator.pricing import price_document, ship_to
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.rules.documents import (
    Status,
    credit_note_status,
    estimate_status,
    invoice_status,
    net_days,
)
from invoiced_emulator.rules.subscriptions import later
from invoiced_emulator.seed import data as catalog
from invoiced_emulator.seed.context import DAY_S, HISTORY_DAYS, QUIET_S, SeedContext

_DEFAULTS: Row = {
    "draft": False,
    "closed": False,
    "paid": False,
    "invoice": None,
    "approved": None,
    "due_date": None,
    "autopay": False,
}


def documents(context: SeedContext, customers: list[Row], subscriptions: list[Row]) -> None:
    """Insert every document and transaction of these customers, in the order of their creation."""
    by_id = {row["id"]: row for row in customers}
    bills = [
        bill
        for sub in subscriptions
        for bill in _subscription_invoices(context, sub, by_id[sub["customer"]])
    ]
    for row in customers:
        wanted = context.random.randint(5, 13)
        bills += [_invoice(context, row, _moment(context, row)) for _ in range(wanted)]
    moves = [move for bill in bills for move in _settle(context, bill, by_id[bill["customer"]])]
    notes = [row for bill in bills if (row := bill.pop("_credit_note", None))]
    _insert(context, "invoices", bills, invoice_status)
    notes += [_credit_note(context, row) for row in customers if context.random.random() < 0.25]
    _insert(context, "credit_notes", notes, credit_note_status)
    owned: dict[int, list[Row]] = {row["id"]: [] for row in customers}
    for bill in bills:
        owned[bill["customer"]].append(bill)
    estimates = [
        _estimate(context, row, owned[row["id"]])
        for row in customers
        if context.random.random() < 0.6
    ]
    _insert(context, "estimates", estimates, estimate_status)
    moves.sort(key=lambda row: (row["created_at"], row["date"]))
    for move in moves:
        for name in ("invoice", "credit_note", "parent_transaction"):
            if move.get(name) is not None:
                move[name] = move[name]["id"]
        move["id"] = context.account.insert("transactions", move)["id"]
    _delete_some(context, bills, estimates)


def _insert(context: SeedContext, resource: str, rows: list[Row], status: Status) -> None:
    rows.sort(key=lambda row: row["created_at"])
    template = context.account.tables[resource].resource.template
    for row in rows:
        voided = row.pop("_voided", False)
        full = {**_DEFAULTS, **row}
        row["status"] = "voided" if voided else status(full, full, context.now)
        if isinstance(row.get("invoice"), dict):
            row["invoice"] = row["invoice"]["id"]
        kept = {k: v for k, v in row.items() if k in template or k in ("_sent", "_pending")}
        row["id"] = context.account.insert(resource, kept)["id"]


def _moment(context: SeedContext, customer: Row) -> int:
    """When an ad-hoc document is made: any time in fourteen months, while the customer exists."""
    first = max(customer["created_at"], context.now - HISTORY_DAYS * DAY_S)
    return context.after(first, 0, (context.now - first) / DAY_S)


def _line(context: SeedContext) -> Row:
    rng = context.random
    item = rng.choice(catalog.ITEMS)
    quantity: Number = rng.randint(1, 12)
    if item["unit_cost"] < 1:
        quantity = rng.randint(200, 90_000) / 2
    elif item["type"] == "hours":
        quantity = rng.randint(2, 64) / 8
    line: Row = {
        "type": item["type"],
        "name": item["name"],
        "quantity": quantity,
        "unit_cost": item["unit_cost"],
        "taxable": item.get("taxable", True),
    }
    if rng.random() < 0.7:
        line["catalog_item"] = item["id"]
    if rng.random() < 0.2:
        line["description"] = rng.choice(("As agreed", "Second floor", "Größe A4"))
    if rng.random() < 0.08:
        line["discounts"] = [{"coupon": {**context.rate("coupons", "LOYAL")}}]
    if rng.random() < 0.06:
        line["taxes"] = [{"tax_rate": {**context.rate("tax_rates", "eco-fee")}}]
    if rng.random() < 0.05:
        line["metadata"] = {"cost_center": f"CC{rng.randint(1, 40)}"}
    return line


def _document(context: SeedContext, customer: Row, created_at: int, lines: list[Row]) -> Row:
    """What invoices, estimates and credit notes share, priced."""
    rng = context.random
    row: Row = {
        "customer": customer["id"],
        "currency": customer["currency"],
        "date": context.date(created_at),
        "items": lines,
        "discounts": [],
        "taxes": [],
        "purchase_order": f"PO-{rng.randint(1000, 9999)}" if rng.random() < 0.2 else None,
        "notes": "Merci, danke, thank you" if rng.random() < 0.1 else None,
        "metadata": {"region": customer["country"]} if rng.random() < 0.15 else {},
        "created_at": created_at,
        "updated_at": created_at,
    }
    chance = rng.random()
    if chance < 0.1:
        row["discounts"] = [{"coupon": {**context.rate("coupons", "S8L47J")}}]
    elif chance < 0.15:
        row["discounts"] = [{"amount": rng.choice((0.5, 1.25)), "coupon": None}]
    chance = rng.random()
    if chance < 0.5:
        name = catalog.COUNTRIES[customer["country"]][1]
        row["taxes"] = [{"tax_rate": {**context.rate("tax_rates", name)}}]
    elif chance < 0.6:
        row["taxes"] = [{"amount": rng.choice((3.85, 2.2)), "tax_rate": None}]
    row.update(price_document(context.account, row))
    return row


def _invoice(
    context: SeedContext, customer: Row, created_at: int, lines: list[Row] | None = None
) -> Row:
    rng = context.random
    row = _document(
        context, customer, created_at, lines or [_line(context) for _ in range(rng.randint(1, 4))]
    )
    days = net_days(customer["payment_terms"])
    row["payment_terms"] = customer["payment_terms"]
    row["due_date"] = None if days is None else row["date"] + days * DAY_S
    row["autopay"] = customer["autopay"]
    row["balance"] = row["total"]
    if lines is None and rng.random() < 0.15:
        row["ship_to"] = ship_to(
            {name: customer[name] for name in ("name", "address1", "city", "postal_code")}
        )
    if rng.random() < 0.1:
        row["name"] = rng.choice(("Office supplies", "Onboarding", "Réassort"))
    return row


def _subscription_invoices(context: SeedContext, sub: Row, customer: Row) -> Iterator[Row]:
    """An invoice for each period that began, until the subscription ended."""
    if sub["status"] == "not_started":
        return
    plan = context.rate("plans", sub["plan"])
    end = sub["canceled_at"] if sub.get("canceled_at") else context.now
    period = 0
    while sub.get("cycles") is None or period < sub["cycles"]:
        start = later(sub["start_date"], plan["interval"], period * plan["interval_count"])
        if start + 2 * 3600 > min(end, context.now - QUIET_S):
            return
        period_end = later(
            sub["start_date"], plan["interval"], (period + 1) * plan["interval_count"]
        )
        charged = [(plan, sub["quantity"])]
        charged += [(context.rate("plans", a["plan"]), a["quantity"]) for a in sub["addons"]]
        lines: list[Row] = [
            {
                "type": "plan",
                "plan": each["id"],
                "name": each["name"],
                "quantity": quantity,
                "unit_cost": each["amount"],
                "period_start": start,
                "period_end": period_end - 1,
                "subscription": sub["id"],
            }
            for each, quantity in charged
        ]
        row = _invoice(context, customer, start + context.random.randint(60, 7000), lines)
        row["subscription"] = sub["id"]
        row["name"] = plan["name"]
        yield row
        period += 1


_OUTCOMES = {
    "paid": 76,
    "paid_after_failure": 5,
    "partly": 5,
    "unpaid": 5,
    "refunded": 2,
    "credited": 2,
    "bad_debt": 2,
    "voided": 2,
    "pending": 1,
    "draft": 2,
}


def _settle(context: SeedContext, bill: Row, customer: Row) -> list[Row]:
    """Decide the outcome of an invoice; returns its transactions. Changes `bill`."""
    rng = context.random
    outcome = rng.choices(list(_OUTCOMES), list(_OUTCOMES.values()))[0]
    if outcome == "draft" and bill.get("subscription") is None:
        bill["draft"] = True
        return []
    bill["_sent"] = rng.choice(("not_sent", "sent", "viewed", "viewed"))
    due = bill["due_date"] or bill["date"] + 3 * DAY_S
    paid_at = max(bill["created_at"] + 3600, int(due + rng.uniform(-6, 25) * DAY_S))
    if paid_at > context.now - 2 * QUIET_S or bill["total"] <= 1 or outcome == "unpaid":
        return []
    bill["updated_at"] = paid_at
    if outcome == "voided":
        bill["_voided"] = True
        return []
    if outcome == "bad_debt":
        bill["closed"] = True
        return []
    return _payments(context, bill, customer, outcome, paid_at)


def _payments(
    context: SeedContext, bill: Row, customer: Row, outcome: str, paid_at: int
) -> list[Row]:
    moves = []
    pays = bill["total"]
    if outcome == "paid_after_failure":
        failed = _move(context, bill, customer, pays, bill["created_at"] + 1800)
        failed.update(status="failed", failure_reason=context.random.choice(catalog.FAILURES))
        failed.update(type="charge", method="credit_card")
        failed["payment_source"] = customer["payment_source"] or context.source()
        bill["attempt_count"] = 1
        moves.append(failed)
    if outcome == "credited":
        note = _applied_note(context, bill, customer, paid_at - 900)
        pays = money(pays - note["total"])
        credit = _move(context, bill, customer, -note["total"], paid_at - 900)
        credit.update(type="adjustment", method="balance", credit_note=note)
        credit.update(gateway=None, gateway_id=None, payment_source=None)
        moves.append(credit)
    if outcome == "partly":
        pays = money(pays * context.random.choice((0.25, 0.5, 0.6)))
    payment = _move(context, bill, customer, pays, paid_at)
    moves.append(payment)
    if outcome == "pending":
        payment["status"] = "pending"
        payment["method"] = "ach"
        bill["_pending"] = True
        return moves
    taken: Number = money(sum(abs(m["amount"]) for m in moves if m.get("status") != "failed"))
    if outcome == "refunded":
        back = money(pays * context.random.choice((0.2, 1)))
        at = context.after(paid_at, 0.1, 8)
        refund = _move(context, bill, customer, back, at)
        refund.update(type="refund", method=payment["method"], parent_transaction=payment)
        moves.append(refund)
        bill["updated_at"] = at
        taken = money(taken - back)
    bill["balance"] = money(bill["total"] - taken)
    bill["paid"] = bill["closed"] = bill["balance"] == 0
    return moves


def _move(context: SeedContext, bill: Row, customer: Row, amount: Number, at: int) -> Row:
    rng = context.random
    carded = customer["payment_source"] is not None
    method = "credit_card" if carded else rng.choice(("check", "check", "ach", "wire_transfer"))
    if carded and customer["payment_source"]["object"] == "bank_account":
        method = "ach"
    move: Row = {
        "customer": customer["id"],
        "invoice": bill,
        "type": "charge" if carded else "payment",
        "method": method,
        "currency": bill["currency"],
        "amount": amount,
        "date": at,
        "payment_source": customer["payment_source"],
        "created_at": at,
        "updated_at": at,
    }
    if carded:
        move["gateway"] = "invoiced"
        move["gateway_id"] = f"ch_{rng.randrange(36**8):012x}"
    elif method == "check":
        move["gateway_id"] = f"{rng.randint(1000, 9999)}"
    if rng.random() < 0.05:
        move["notes"] = "Reçu avec remerciements"
    return move


def _applied_note(context: SeedContext, bill: Row, customer: Row, at: int) -> Row:
    """A credit note wholly used on an invoice."""
    note: Row = {
        "customer": customer["id"],
        "currency": bill["currency"],
        "date": bill["date"],
        "name": "Goodwill",
        "items": [{"name": "Goodwill", "unit_cost": money(bill["total"] * 0.2), "taxable": False}],
        "discounts": [],
        "taxes": [],
        "created_at": bill["created_at"] + 600,
        "updated_at": max(at, bill["created_at"] + 600),
    }
    note.update(price_document(context.account, note))
    note.update(balance=0, paid=True, closed=True)
    bill["_credit_note"] = note
    return note


def _credit_note(context: SeedContext, customer: Row) -> Row:
    row = _document(context, customer, _moment(context, customer), [_line(context)])
    row["balance"] = row["total"]
    state = context.random.choice(("open", "open", "draft", "closed", "voided"))
    row.update({"draft": state == "draft", "closed": state == "closed"})
    row["_voided"] = state == "voided"
    row["updated_at"] = context.after(row["created_at"], 0, 20)
    return row


# Who approves an estimate signs with initials.
_INITIALS = ("JD", "PB", "DS", "MH")


def _estimate(context: SeedContext, customer: Row, bills: list[Row]) -> Row:
    """An estimate; an invoiced one names one of the customer's own `bills`."""
    rng = context.random
    row = _document(context, customer, _moment(context, customer), [_line(context), _line(context)])
    row["payment_terms"] = customer["payment_terms"]
    row["expiration_date"] = row["date"] + 30 * DAY_S if rng.random() < 0.5 else None
    row["updated_at"] = context.after(row["created_at"], 0, 20)
    state = rng.choice(("draft", "sent", "sent", "approved", "declined", "invoiced", "voided"))
    row["_sent"] = "sent"
    row["draft"] = state == "draft"
    if state in ("approved", "invoiced"):
        row["approved"] = _INITIALS[customer["id"] % len(_INITIALS)]
        row["deposit"] = money(row["total"] * 0.25)
        row["deposit_paid"] = state == "invoiced"
    row["closed"] = state in ("declined", "invoiced")
    row["_voided"] = state == "voided"
    if state == "invoiced" and bills:
        row["invoice"] = rng.choice(bills)
        row["updated_at"] = max(row["updated_at"], row["invoice"]["created_at"])
    return row


def _delete_some(context: SeedContext, bills: list[Row], estimates: list[Row]) -> None:
    """A few drafts were thrown away: only their events are left, oldest first."""
    linked = {row.get("invoice") for row in estimates}
    drafts = [("invoices", row) for row in bills if row.get("draft") and row["id"] not in linked]
    drafts = drafts[:4] + [("estimates", row) for row in estimates if row["draft"]][:3]
    gone = [(context.after(row["created_at"], 0, 9), resource, row) for resource, row in drafts]
    for at, resource, row in sorted(gone, key=lambda entry: entry[0]):
        context.account.remove(resource, row["id"], at=at)
