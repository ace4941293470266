"""Plans, items, coupons and tax rates: the catalog an account sells from."""

from dataclasses import dataclass

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.resources.catalog import COUPONS, ITEMS, PLANS, TAX_RATES
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.rules.base import CrudRules
from invoiced_emulator.rules.subscriptions import MONTHS
from invoiced_emulator.store.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans(CrudRules):
    """The rules of plans: they recur, and stay while anyone ever subscribed to them."""

    def create(self, account: Account, given: Row) -> Row:
        if given.get("interval", "month") not in MONTHS:
            raise ApiError(f"Interval must be one of {', '.join(MONTHS)}", "interval")
        if given.get("interval_count", 1) < 1:
            raise ApiError("Interval count must be at least 1", "interval_count")
        return CrudRules.create(self, account, given)

    def delete(self, account: Account, row: Row) -> None:
        subscriptions = account.tables["subscriptions"]
        addons = (addon for sub in subscriptions.rows.values() for addon in sub["addons"])
        used = any(addon["plan"] == row["id"] for addon in addons)
        if used or subscriptions.where("plan", row["id"]):
            raise ApiError("A plan with subscribers cannot be deleted")
        CrudRules.delete(self, account, row)


PLAN_RULES = Plans(resource=PLANS, refers={"catalog_item": "items"})
ITEM_RULES = CrudRules(resource=ITEMS)
COUPON_RULES = CrudRules(resource=COUPONS)
TAX_RATE_RULES = CrudRules(resource=TAX_RATES)
