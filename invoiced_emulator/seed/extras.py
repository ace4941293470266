"""The rarer objects of the sample data: children of customers, payments, charges, settings.

Their random numbers are drawn after all others, so that they change none of the documents.
"""

from collections.abc import Sequence

from invoiced_emulator.money import money
from invoiced_emulator.pricing import price_line
from invoiced_emulator.resources.account_settings import SETTINGS
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.rules.payment_plans import installments_of
from invoiced_emulator.seed import data as catalog
from invoiced_emulator.seed.context import DAY_S, HISTORY_DAYS, QUIET_S, SeedContext

FIRST_IDS = {
    "payments": 61,
    "charges": 46_374,
    "refunds": 5_309,
    "credit_balance_adjustments": 717,
    "payment_plans": 6,
    "contacts": 10_403,
    "payment_sources": 4_321,
    "pending_line_items": 8,
    "notes": 501,
    "tasks": 788,
}
_USER: Row = {
    "id": 1946,
    "email": "pam@dundermifflin.example",
    "first_name": "Pam",
    "last_name": "Beesly",
    "two_factor_enabled": True,
    "registered": True,
    "created_at": None,
    "updated_at": None,
}
_FEW = 20


def add_extras(context: SeedContext, customers: Sequence[Row]) -> None:
    """Insert everything but documents, subscriptions, transactions and the catalog."""
    for row in customers:
        _belongings(context, row)
    chosen = [context.random.choice(customers) for _ in range(_FEW)]
    for row in chosen:
        _task(context, row)
        _adjustment(context, row)
    for row in chosen[: _FEW // 2]:
        _charge(context, row)
    _payments(context)
    _payment_plans(context)
    _merge(context, customers[0])
    _settings(context)
    _attachments(context)


def _dated(context: SeedContext, customer: Row) -> Row:
    """A day in the life of a customer, and another one on which the object was last touched."""
    begun = context.after(customer["created_at"], 0, (context.now - customer["created_at"]) / DAY_S)
    return {"created_at": begun, "updated_at": context.after(begun, 0, 90)}


def _belongings(context: SeedContext, customer: Row) -> None:
    rng, add = context.random, context.account.insert
    key = customer["id"]
    for number in range(rng.randint(1, 3)):
        given, family = rng.choice(catalog.GIVEN_NAMES), rng.choice(catalog.FAMILY_NAMES)
        contact = {
            "_customer": key,
            "name": f"{given} {family}",
            "title": rng.choice((None, "Bookkeeper", "Büroleitung")),
            "email": f"contact{number}.{key}@customers.example",
            "primary": number == 0,
            "country": customer["country"],
        }
        add("contacts", {**contact, **_dated(context, customer)})
    source = customer["payment_source"]
    if source is not None:
        at = _dated(context, customer)["updated_at"]
        add("payment_sources", {**source, "_customer": key, "updated_at": at})
    if rng.random() < 0.2:
        _pending_lines(context, customer)
    if rng.random() < 0.25:
        words = rng.choice(("Called, will pay by Friday", "Réclamation résolue", "Prefers e-mail"))
        add("notes", {"customer": key, "notes": words, "user": _USER, **_dated(context, customer)})


def _pending_lines(context: SeedContext, customer: Row) -> None:
    rng = context.random
    for _ in range(rng.randint(1, 3)):
        item = rng.choice(catalog.ITEMS)
        given = {"catalog_item": item["id"], "quantity": rng.randint(1, 12)}
        line = price_line(context.account, given)
        del line["id"]
        line.update(customer=customer["id"], updated_at=_dated(context, customer)["updated_at"])
        context.account.insert("pending_line_items", line)


def _task(context: SeedContext, customer: Row) -> None:
    dates = _dated(context, customer)
    action, name = context.random.choice((("phone", "Call customer"), ("email", "Send statement")))
    complete = context.random.random() < 0.5
    task = {
        "customer_id": customer["id"],
        "customer": customer["id"],
        "user_id": _USER["id"],
        "name": name,
        "action": action,
        "due_date": dates["created_at"] + 7 * DAY_S,
        "complete": complete,
        "completed_date": dates["updated_at"] if complete else None,
        "completed_by_user_id": _USER["id"] if complete else None,
    }
    context.account.insert("tasks", {**task, **dates})


def _adjustment(context: SeedContext, customer: Row) -> None:
    dates = _dated(context, customer)
    adjustment = {
        "customer": customer["id"],
        "currency": customer["currency"],
        "amount": context.random.choice((50, 12.5, -20.25)),
        "date": dates["created_at"],
        "notes": context.random.choice((None, "Goodwill")),
    }
    context.account.insert("credit_balance_adjustments", {**adjustment, **dates})


def _charge(context: SeedContext, customer: Row) -> None:
    rng, add = context.random, context.account.insert
    dates = _dated(context, customer)
    amount = rng.randint(1000, 90_000) / 100
    charge = {
        "customer": customer["id"],
        "currency": customer["currency"],
        "amount": amount,
        "gateway": "invoiced",
        "gateway_id": f"ch_{rng.randrange(36**8):012x}",
        "payment_source": customer["payment_source"] or context.source(),
    }
    if rng.random() < 0.2:
        failed = {"status": "failed", "failure_message": rng.choice(catalog.FAILURES)}
        add("charges", {**charge, **failed, **dates})
        return
    row = add("charges", {**charge, **dates})
    if rng.random() < 0.6:
        back = money(amount * rng.choice((0.25, 1)))
        at = dates["updated_at"]
        refund = {"charge": row["id"], "amount": back, "currency": row["currency"]}
        refund.update(gateway="invoiced", gateway_id=f"re_{rng.randrange(36**8):012x}")
        refund = add("refunds", {**refund, "created_at": at, "updated_at": at})
        whole = {"amount_refunded": back, "refunded": back == row["amount"], "refunds": [refund]}
        context.account.tables["charges"].put({**row, **whole})


def _payments(context: SeedContext) -> None:
    """Some of the latest transactions as the payments they came from, and some not applied yet.

    None of them touches an invoice or has shadows: the transactions stay what they were.
    """
    rng, add = context.random, context.account.insert
    moves = context.account.tables["transactions"]
    latest = [moves.rows[key] for key in moves.list_index("all").ids[-4 * _FEW :]]
    paid = [move for move in latest if move["type"] == "payment" and move["status"] == "succeeded"]
    payments = []
    for move in paid[-_FEW:]:
        applied = {"type": "invoice", "invoice": move["invoice"], "amount": move["amount"]}
        payment = {name: move[name] for name in ("customer", "currency", "amount", "method")}
        at = {"date": move["date"], "created_at": move["created_at"]}
        payment.update(at, updated_at=move["updated_at"], reference=move["gateway_id"])
        whole = rng.random() < 0.7
        payment.update(applied_to=[applied] if whole else [], matched=True if whole else None)
        payment["balance"] = 0 if whole else move["amount"]
        payments.append({**payment, "source": rng.choice(("bank_feed", "api", "keyed"))})
    for payment in payments:
        add("payments", payment)


def _merge(context: SeedContext, kept: Row) -> None:
    """A customer that was entered twice, with a contact and a note of its own, and then merged."""
    at = context.past(kept["updated_at"])
    dates = {"created_at": kept["created_at"], "updated_at": at}
    names = ("name", "type", "country", "currency")
    twice = {**{name: kept[name] for name in names}, "number": f"{kept['number']}-2"}
    key = context.account.insert("customers", {**twice, **dates})["id"]
    contact = {"_customer": key, "name": "Nancy Talty", "email": f"nancy.{key}@customers.example"}
    context.account.insert("contacts", {**contact, **dates})
    note = {"customer": key, "notes": "Entered twice", "user": _USER}
    context.account.insert("notes", {**note, **dates})
    context.account.merge(key, kept["id"], at=context.now - QUIET_S)


def _settings(context: SeedContext) -> None:
    """A few rows of each list of settings."""
    at = {"created_at": context.now - HISTORY_DAYS * DAY_S, "updated_at": context.now - 90 * DAY_S}
    add = context.account.insert
    for key, name in (("administrator", "Administrator"), ("billing", "Billing")):
        add("roles", {"id": key, "name": name, **at})
    user = {name: _USER[name] for name in _USER if not name.endswith("_at")}
    add("members", {"user": user, "role": "administrator", **at})
    for resource in SETTINGS:
        if resource.name not in ("members", "roles"):
            noun = resource.singular.replace("_", " ").capitalize()
            for name in (f"{noun} A", f"{noun} B"):
                add(resource.name, {"name": name, **at})


def _attachments(context: SeedContext) -> None:
    """A file on a few documents."""
    for name in ("invoices", "estimates", "credit_notes"):
        table = context.account.tables[name]
        for key in table.list_index("all").ids[:3]:
            row = table.rows[key]
            at = {"created_at": row["created_at"], "updated_at": row["created_at"]}
            file = {"object": "file", "name": f"{row['number']}.png", "size": 6936}
            file |= {
                "type": "image/png",
                "url": context.account.address("files/{token}", f"f{key}"),
            }
            file |= {"id": context.account.part_id(), **at}
            attachment = {
                "id": context.account.part_id(),
                "object": "attachment",
                "file": file,
                **at,
            }
            context.account.attachments[name, key] = [attachment]


def _payment_plans(context: SeedContext) -> None:
    """Give a few open invoices their installments; the invoices are not otherwise touched."""
    invoices = context.account.tables["invoices"]
    opened = [row for row in invoices.rows.values() if row["status"] in ("sent", "viewed")]
    opened = [row for row in opened if row["balance"] == row["total"] >= 10 and not row["closed"]]
    for row in opened[-5:]:
        third = money(row["balance"] / 3)
        amounts = (third, third, money(row["balance"] - 2 * third))
        given = [
            {"date": row["date"] + (turn + 1) * 30 * DAY_S, "amount": amount}
            for turn, amount in enumerate(amounts)
        ]
        at = row["updated_at"]
        plan = {"_invoice": row["id"], "installments": installments_of(context.account, given)}
        plan.update(created_at=at, updated_at=at)
        key = context.account.insert("payment_plans", plan)["id"]
        invoices.put({**row, "payment_plan": key})
