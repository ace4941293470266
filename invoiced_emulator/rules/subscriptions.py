"""Subscriptions: what they cost, their periods, and cancellation."""

import calendar
import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.money import Number, money, whole
from invoiced_emulator.pricing import (
    addons_of,
    merge_line_items,
    rate_amount,
    rates_of,
    ship_to,
)
from invoiced_emulator.resources.definition import ResourceDefinition, Row
from invoiced_emulator.resources.documents import SUBSCRIPTIONS
from invoiced_emulator.rules.changes import (
    require_catalog_entries,
    require_existing_lines,
    require_object,
    save,
    save_new,
    stored_fields,
)
from invoiced_emulator.store.account import Account

# Months in one interval of a plan; a month is counted as 365.25 / 12 days.
MONTHS = {"day": 12 / 365.25, "week": 7 * 12 / 365.25, "month": 1, "year": 12}
_COSTING = {"plan", "amount", "quantity", "addons", "discounts", "taxes"}


def later(start: int, interval: str, count: int) -> int:
    """`start` moved by `count` intervals of a plan's calendar, in UNIX seconds.

    In a month that is too short the result is on its last day.
    """
    moment = datetime.fromtimestamp(start, timezone.utc)
    if interval in ("day", "week"):
        return int((moment + timedelta(days=count * (7 if interval == "week" else 1))).timestamp())
    months = moment.year * 12 + moment.month - 1 + count * int(MONTHS[interval])
    year, month = divmod(months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return int(moment.replace(year=year, month=month + 1, day=day).timestamp())


def costed(account: Account, row: Row, now: int) -> Row:
    """The `addons`, `discounts`, `taxes`, `recurring_total` and `mrr` of a subscription.

    `recurring_total` is what one period costs, taxes included; `mrr` is that without taxes, per
    month.
    """
    plans = account.tables["plans"].rows
    plan = plans[row["plan"]]
    addons = addons_of(account, row["addons"], now)
    gross = _plan_price(plan, row.get("amount")) * row["quantity"]
    for addon in addons:
        if addon["plan"] is None:
            raise ApiError("An addon needs a plan", "plan")
        price = addon["amount"] if addon["amount"] is not None else plans[addon["plan"]]["amount"]
        gross += _price(price) * addon["quantity"]
    discounts = rates_of(account, "coupons", row["discounts"])
    net = max(gross - sum(rate_amount(coupon, gross) for coupon in discounts), 0)
    taxes = rates_of(account, "tax_rates", row["taxes"])
    return {
        "addons": addons,
        "discounts": discounts,
        "taxes": taxes,
        "recurring_total": money(net + sum(rate_amount(rate, net) for rate in taxes)),
        "mrr": money(net / (MONTHS[plan["interval"]] * plan["interval_count"])),
    }


def _plan_price(plan: Row, amount: Number | None) -> Number:
    """What one unit of a plan costs: of a custom plan, what its subscription states."""
    price: Number = plan["amount"]
    if plan["pricing_mode"] != "custom":
        return price
    if amount is None:
        raise ApiError("A plan with custom pricing needs an amount", "amount")
    return amount


def _price(given: Number | str) -> Number:
    """The price of an addon, which Invoiced documents as a string."""
    try:
        price = float(given)
    except ValueError:
        price = math.inf
    if not math.isfinite(price):
        raise ApiError("Amount must be a number", "amount")
    return whole(price)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriptions:
    """The rules of subscriptions.

    Attributes:
        resource: what a subscription looks like.
    """

    resource: ResourceDefinition = SUBSCRIPTIONS

    def create(self, account: Account, given: Row) -> Row:
        """Insert the subscription with its price and its current period.

        Refuse unknown customers, plans and catalog entries, and a quantity below 1.
        """
        now = account.clock()
        require_object(account, "customers", given["customer"], "customer")
        self._check(account, given)
        require_existing_lines("addons", given.get("addons", ()), ())
        row = {"quantity": 1, "start_date": now, **stored_fields(self.resource, given)}
        row["addons"] = merge_line_items((), given.get("addons", ()))
        row.setdefault("discounts", [])
        row.setdefault("taxes", [])
        row.update(costed(account, row, now))
        row["ship_to"] = ship_to(given.get("ship_to"))
        row.update(self._period(account, row))
        return save_new(account, self.resource, row)

    def update(self, account: Account, row: Row, given: Row) -> Row:
        """Change the subscription, and its price and period if they depend on the change."""
        self._check(account, given)
        require_existing_lines("addons", given.get("addons", ()), row["addons"])
        after = {**row, **stored_fields(self.resource, given)}
        if "addons" in given:
            after["addons"] = merge_line_items(row["addons"], given["addons"])
        if _COSTING & given.keys():
            after.update(costed(account, after, account.clock()))
        if given.get("ship_to") is not None:
            after["ship_to"] = ship_to(given["ship_to"])
        live = row["status"] in ("not_started", "active", "past_due")
        if live and after["start_date"] != row["start_date"]:
            after.update(self._period(account, after))
        return save(account, self.resource, row, after)

    def _check(self, account: Account, given: Row) -> None:
        require_object(account, "plans", given.get("plan"), "plan")
        require_catalog_entries(account, given)
        if given.get("quantity", 1) < 1:
            raise ApiError("Quantity must be at least 1", "quantity")

    def _period(self, account: Account, row: Row) -> Row:
        """Status and current period of a subscription that starts on its `start_date`."""
        now, start = account.clock(), row["start_date"]
        if start > now:
            return {"status": "not_started", "period_start": None, "period_end": None}
        plan = account.tables["plans"].rows[row["plan"]]
        step, count = plan["interval"], plan["interval_count"]
        # Counted with periods a little too long, so that the loop only ever moves forward.
        passed = int((now - start) / (later(start, step, count) - start + 3 * 86_400))
        while later(start, step, (passed + 1) * count) <= now:
            passed += 1
        if row.get("cycles") is not None and passed >= row["cycles"]:
            return {"status": "finished", "period_start": None, "period_end": None}
        return {
            "status": "active",
            "period_start": later(start, step, passed * count),
            "period_end": later(start, step, (passed + 1) * count) - 1,
        }

    def delete(self, account: Account, row: Row) -> Row:
        """Cancel the subscription, which is never removed. Refuse one that is canceled."""
        if row["canceled_at"] is not None or row["status"] == "canceled":
            raise ApiError("The subscription is canceled already")
        if row["status"] == "finished":
            account.private(self.resource.name, row["id"])["_finished"] = True
        canceled = {
            **row,
            "status": "canceled",
            "canceled_at": account.clock(),
            "period_start": None,
            "period_end": None,
        }
        return save(account, self.resource, row, canceled, "deleted")


SUBSCRIPTION_RULES = Subscriptions()
