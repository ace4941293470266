"""Plans, items, coupons and tax rates: the catalog an account sells from."""

from dataclasses import dataclass

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.pricing import rates_of
from invoiced_emulator.resources.catalog import COUPONS, ITEMS, PLANS, TAX_RATES
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.rules.base import CrudRules
from invoiced_emulator.rules.changes import require_catalog_entries
from invoiced_emulator.rules.subscriptions import MONTHS
from invoiced_emulator.store.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogRules(CrudRules):
    """What the catalog shares: `DELETE` archives the object, and its id may be used again."""

    def delete(self, account: Account, row: Row) -> None:
        """Archive the object; no event is recorded."""
        account.tables[self.resource.name].archive(row["id"], account.clock())


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans(CatalogRules):
    """The rules of plans."""

    def create(self, account: Account, given: Row) -> Row:
        """Insert the plan. Refuse unknown intervals and counts below 1."""
        if given.get("interval", "month") not in MONTHS:
            raise ApiError(f"Interval must be one of {', '.join(MONTHS)}", "interval")
        if given.get("interval_count", 1) < 1:
            raise ApiError("Interval count must be at least 1", "interval_count")
        return CrudRules.create(self, account, given)

    def delete(self, account: Account, row: Row) -> None:
        """Archive the plan. Refuse one that any subscription has or had."""
        subscriptions = account.tables["subscriptions"]
        addons = (addon for sub in subscriptions.rows.values() for addon in sub["addons"])
        used = any(addon["plan"] == row["id"] for addon in addons)
        if used or subscriptions.where("plan", row["id"]):
            raise ApiError("A plan with subscribers cannot be deleted")
        CatalogRules.delete(self, account, row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Items(CatalogRules):
    """The rules of items: their taxes are written as ids and returned as tax rates."""

    def create(self, account: Account, given: Row) -> Row:
        """Insert the item. Refuse unknown tax rates."""
        require_catalog_entries(account, {"taxes": given.get("taxes")})
        taxes = rates_of(account, "tax_rates", given.get("taxes", ()))
        return CrudRules.create(self, account, {**given, "taxes": taxes})

    def update(self, account: Account, row: Row, given: Row) -> Row:
        """Change the item. Refuse unknown tax rates."""
        if "taxes" in given:
            require_catalog_entries(account, {"taxes": given["taxes"]})
            given = {**given, "taxes": rates_of(account, "tax_rates", given["taxes"])}
        return CrudRules.update(self, account, row, given)


PLAN_RULES = Plans(resource=PLANS, refers={"catalog_item": "items"})
ITEM_RULES = Items(resource=ITEMS)
COUPON_RULES = CatalogRules(resource=COUPONS)
TAX_RATE_RULES = CatalogRules(resource=TAX_RATES)
