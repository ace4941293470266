"""Payment plans: an invoice's balance in installments."""

from dataclasses import dataclass

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.money import Number, money
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.resources.documents import INVOICES
from invoiced_emulator.resources.payments import PAYMENT_PLANS
from invoiced_emulator.rules.base import CrudRules
from invoiced_emulator.rules.changes import save, save_new
from invoiced_emulator.store.account import Account


def installments_of(account: Account, given: list[Row]) -> list[Row]:
    """Installments with their ids, of which nothing is paid yet."""
    return [
        {
            "id": account.part_id(),
            "date": each["date"],
            "amount": each["amount"],
            "balance": each["amount"],
        }
        for each in given
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPlans(CrudRules):
    """The rules of payment plans; `create` replaces the plan an invoice has."""

    def create(self, account: Account, given: Row) -> Row:
        """Set the plan of an invoice, in place of the one it has.

        Refuse invoices that are not open, and installments that do not add up to the balance.
        """
        invoice = account.tables["invoices"].rows[given["_invoice"]]
        if invoice["draft"] or invoice["paid"] or invoice["status"] == "voided":
            raise ApiError("Only an open invoice takes a payment plan")
        self._check(given["installments"], invoice["balance"])
        fresh = {"installments": installments_of(account, given["installments"])}
        for key in account.tables[self.resource.name].where("_invoice", invoice["id"]):
            before = account.tables[self.resource.name].rows[key]
            return save(account, self.resource, before, {**before, **fresh, "status": "active"})
        row = save_new(account, self.resource, {**fresh, "_invoice": invoice["id"]})
        save(account, INVOICES, invoice, {**invoice, "payment_plan": row["id"]})
        return row

    def _check(self, installments: list[Row], balance: Number) -> None:
        for each in installments:
            if each.get("date") is None or each.get("amount") is None or each["amount"] <= 0:
                raise ApiError("An installment needs a date and an amount", "installments")
        if money(sum(each["amount"] for each in installments)) != balance:
            raise ApiError(f"The installments must add up to {balance}", "installments")

    def delete(self, account: Account, row: Row) -> None:
        """Remove the plan from its invoice."""
        key = account.private(self.resource.name, row["id"])["_invoice"]
        CrudRules.delete(self, account, row)
        invoice = account.row("invoices", key)
        if invoice is not None:
            save(account, INVOICES, invoice, {**invoice, "payment_plan": None})


PAYMENT_PLAN_RULES = PaymentPlans(resource=PAYMENT_PLANS)
