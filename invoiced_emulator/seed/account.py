"""An account with sample data: software by subscription and office supplies by the case.

Customers are up to three years old and have about fourteen months of documents, which end an hour
before `now`. The same number of customers, seed and second give the same account.
"""

import gc
import time
from collections.abc import Callable
from datetime import tzinfo
from random import Random

from invoiced_emulator.pricing import rates_of
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.rules.subscriptions import costed, later
from invoiced_emulator.seed import data as catalog
from invoiced_emulator.seed.context import DAY_S, HISTORY_DAYS, SeedContext
from invoiced_emulator.seed.documents import documents
from invoiced_emulator.seed.extras import FIRST_IDS, add_extras
from invoiced_emulator.store.account import Account

CUSTOMER_DAYS = 1095
_FIRST_IDS = {
    "customers": 15_444,
    "invoices": 46_225,
    "estimates": 2_048,
    "credit_notes": 3_016,
    "subscriptions": 595,
    "transactions": 20_939,
    **FIRST_IDS,
}


def seeded(
    customers: int = 200,
    seed: int = 1,
    now: Callable[[], float] = time.time,
    api_key: str = "emulator-key",
    time_zone: tzinfo | None = None,
) -> Account:
    """An account with sample data.

    Args:
        customers: how many; each has about fourteen invoices. With 0, the account has its catalog
            only: plans, items, coupons and tax rates.
        seed: another seed gives other sample data.
        now: the account's clock, in UNIX seconds.
        api_key: the key that the server accepts.
        time_zone: documents are dated at midnight of this zone; at six o'clock UTC without one.
    """
    account = Account(api_key, now)
    account.time_zone = time_zone
    for name, first in _FIRST_IDS.items():
        account.tables[name].next_id = first
    # Thousands of objects that all stay: the collector would look at them over and over.
    collecting = gc.isenabled()
    gc.disable()
    try:
        second = account.clock()
        _fill_catalog(account, second)
        if customers:
            context = SeedContext(account, Random(f"{seed}/{customers}"), second)
            people = _fill(context, customers)
            context.random = Random(f"{seed}/{customers}/more")
            add_extras(context, people)
    finally:
        if collecting:
            gc.enable()
    return account


def _fill_catalog(account: Account, now: int) -> None:
    start = now - CUSTOMER_DAYS * DAY_S
    rows = (
        ("tax_rates", catalog.TAX_RATES),
        ("items", catalog.ITEMS),
        ("plans", catalog.PLANS),
        ("coupons", catalog.COUPONS),
    )
    for resource, listed in rows:
        for row in listed:
            if "taxes" in row:
                row = {**row, "taxes": rates_of(account, "tax_rates", row["taxes"])}
            account.insert(resource, {**row, "created_at": start, "updated_at": start})
    for resource, row in catalog.ARCHIVED:
        account.insert(
            resource, {**row, "_archived": True, "created_at": start, "updated_at": start}
        )


def _fill(context: SeedContext, count: int) -> list[Row]:
    born = sorted(_created_at(context) for _ in range(count))
    people = [_customer(context, created_at) for created_at in born]
    for row in people:
        context.account.insert("customers", row)
    subscriptions = [sub for row in people for sub in _subscriptions(context, row)]
    subscriptions.sort(key=lambda row: row["created_at"])
    finished = [row for row in subscriptions if row["status"] == "finished"]
    for row in finished[:2]:
        # A finished subscription can be canceled as well.
        row["canceled_at"] = row["updated_at"]
    for row in subscriptions:
        row["id"] = context.account.insert("subscriptions", row)["id"]
    documents(context, people, subscriptions)
    return people


def _created_at(context: SeedContext) -> int:
    days = context.random.uniform(10, CUSTOMER_DAYS)
    return context.now - int(days * DAY_S)


def _customer(context: SeedContext, created_at: int) -> Row:
    rng = context.random
    countries = list(catalog.COUNTRY_WEIGHTS)
    country = rng.choices(countries, list(catalog.COUNTRY_WEIGHTS.values()))[0]
    currency, rate, cities = catalog.COUNTRIES[country]
    city, state, postal_code = rng.choice(cities)
    person = rng.random() < 0.15
    name = f"{rng.choice(catalog.GIVEN_NAMES)} {rng.choice(catalog.FAMILY_NAMES)}"
    if not person:
        words = f"{rng.choice(catalog.FIRST_WORDS)} {rng.choice(catalog.SECOND_WORDS)}"
        attention, name = name, f"{words} {catalog.ENDINGS[country]}"
    autopay = rng.random() < 0.25
    updated_at = context.after(created_at, 0, (context.now - created_at) / DAY_S)
    key = context.take_customer_id()
    row: Row = {
        "id": key,
        "number": f"CUST-{key - _FIRST_IDS['customers'] + 1:04d}",
        "name": name,
        "type": "person" if person else "company",
        "email": f"billing{key}@{country.lower()}.customers.example",
        "attention_to": None if person else attention,
        "address1": f"{rng.randint(1, 240)} {rng.choice(catalog.STREETS)}",
        "city": city,
        "state": state,
        "postal_code": postal_code,
        "country": country,
        "currency": currency,
        "language": {"DE": "de", "FR": "fr"}.get(country),
        "payment_terms": "AutoPay" if autopay else rng.choice(_TERMS),
        "autopay": autopay,
        "payment_source": context.source() if autopay else None,
        "phone": f"+1555010{rng.randint(0, 9999):04d}" if rng.random() < 0.5 else None,
        "created_at": created_at,
        "updated_at": updated_at,
    }
    row.update(_extras(context, key, rate, person))
    return row


_TERMS = ("NET 7", "NET 14", "NET 14", "NET 30", "NET 30", "NET 30", "NET 60", None)


def _extras(context: SeedContext, key: int, rate: str, person: bool) -> Row:
    """What only some customers have."""
    rng = context.random
    extras: Row = {"metadata": {}}
    if rng.random() < 0.4:
        extras["metadata"]["account_rep"] = rng.choice(catalog.REPRESENTATIVES)
    if rng.random() < 0.2:
        extras["metadata"]["icp_number"] = f"{rng.randint(10**9, 10**10 - 1)}"
    if rng.random() < 0.15:
        extras["notes"] = rng.choice(("Pays by the quarter", "Ask for Zoë", "Naïve but kind"))
    if rng.random() < 0.15:
        extras["credit_limit"] = rng.choice((1000, 2500.5, 10000))
        extras["credit_hold"] = rng.random() < 0.1
    if rng.random() < 0.1:
        extras["taxes"] = [context.rate("tax_rates", rate)]
    if rng.random() < 0.08:
        extras["tax_id"] = f"TAX{rng.randint(100000, 999999)}"
    if not person and key > _FIRST_IDS["customers"] + 5 and rng.random() < 0.06:
        extras["parent_customer"] = rng.randrange(_FIRST_IDS["customers"], key)
    return extras


def _subscriptions(context: SeedContext, customer: Row) -> list[Row]:
    rng = context.random
    count = rng.choices((0, 1, 2), (35, 57, 8))[0]
    return [_subscription(context, customer) for _ in range(count)]


def _subscription(context: SeedContext, customer: Row) -> Row:
    rng = context.random
    weights = [weight for _, _, weight in catalog.SUBSCRIBED]
    plan, addon, _ = rng.choices(catalog.SUBSCRIBED, weights)[0]
    status = rng.choices(
        ("active", "past_due", "not_started", "canceled", "finished"), (70, 7, 5, 12, 6)
    )[0]
    first = max(customer["created_at"], context.now - HISTORY_DAYS * DAY_S)
    created_at = context.after(first, 0, (context.now - first) / DAY_S * 0.6)
    start = created_at + 45 * DAY_S if status == "not_started" else created_at
    if status == "not_started":
        start = max(start, context.now + rng.randint(2, 40) * DAY_S)
    row: Row = {
        "customer": customer["id"],
        "plan": plan,
        "status": status,
        "quantity": rng.choices((1, 2, 5, 12), (70, 15, 10, 5))[0],
        "start_date": start,
        "bill_in": rng.choices(("advance", "arrears"), (9, 1))[0],
        "addons": [],
        "discounts": [],
        "taxes": [],
        "metadata": {"source": "web"} if rng.random() < 0.2 else {},
        "created_at": created_at,
    }
    if addon and rng.random() < 0.3:
        row["addons"].append({"plan": addon, "quantity": rng.randint(1, 11)})
    if rng.random() < 0.2:
        coupon = rng.choice(("S8L47J", "LOYAL"))
        row["discounts"].append(context.rate("coupons", coupon))
    if rng.random() < 0.3:
        rate = catalog.COUNTRIES[customer["country"]][1]
        row["taxes"].append(context.rate("tax_rates", rate))
    row.update(costed(context.account, row, created_at))
    row.update(_lifetime(context, row))
    return row


def _lifetime(context: SeedContext, row: Row) -> Row:
    """Period, cancellation and `updated_at` as the status of a subscription demands."""
    plan = context.rate("plans", row["plan"])
    step, count = plan["interval"], plan["interval_count"]
    start, status = row["start_date"], row["status"]
    if status == "not_started":
        return {"updated_at": row["created_at"]}
    periods = 0
    while later(start, step, (periods + 1) * count) <= context.now:
        periods += 1
    begun = later(start, step, periods * count)
    if status == "finished" and periods == 0:
        # Too young to have finished: it was canceled instead.
        status = "canceled"
    if status == "finished":
        ended = later(start, step, periods * count)
        return {"status": status, "cycles": periods, "updated_at": context.past(ended)}
    if status == "canceled":
        canceled_at = context.after(row["created_at"], 0, (context.now - row["created_at"]) / DAY_S)
        return {"status": status, "canceled_at": canceled_at, "updated_at": canceled_at}
    contract: Row = {}
    if context.random.random() < 0.15:
        contract = {
            "contract_period_start": start,
            "contract_period_end": later(start, "year", 2) - 1,
            "contract_renewal_cycles": 12,
        }
    return {
        "period_start": begun,
        "period_end": later(start, step, (periods + 1) * count) - 1,
        "cancel_at_period_end": context.random.random() < 0.05,
        "updated_at": max(row["created_at"], context.past(begun)),
        **contract,
    }
