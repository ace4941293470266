"""Charges of a payment source, and their refunds."""

from dataclasses import dataclass

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.money import money
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.resources.payments import CHARGES, REFUNDS
from invoiced_emulator.rules.base import CrudRules
from invoiced_emulator.rules.changes import require_object, save, save_new
from invoiced_emulator.rules.payments import PAYMENT_RULES
from invoiced_emulator.store.account import Account

_WAYS = ("invoiced_token", "gateway_token", "payment_source_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges(CrudRules):
    """The rules of charges: each comes with the payment that it made."""

    def create(self, account: Account, given: Row) -> Row:
        """Charge the customer and create the payment that results.

        Refuse amounts that are not positive, and a customer without the source that is to be
        charged.
        """
        require_object(account, "customers", given["customer"], "customer")
        if given["amount"] <= 0:
            raise ApiError("Amount must be positive", "amount")
        source = self._source(account, given)
        second = account.clock()
        made: Row = {
            "customer": given["customer"],
            "currency": given.get("currency", "usd").lower(),
            "amount": given["amount"],
        }
        payment = {
            **made,
            "method": given["method"],
            "applied_to": given["applied_to"],
            "date": second,
            "source": "api",
            # Whole once the payment, which may be refused, was accepted.
            "charge": {**made, "object": "charge"},
        }
        paid = PAYMENT_RULES.create(account, payment)
        row = save_new(
            account,
            self.resource,
            {
                **made,
                "gateway": "test",
                "gateway_id": f"ch_{paid['id']:012x}",
                "receipt_email": given.get("receipt_email"),
                "payment_source": source,
            },
        )
        account.tables["payments"].put({**paid, "charge": row})
        return row

    def _source(self, account: Account, given: Row) -> Row | None:
        """What is charged: a token leaves none to be shown."""
        ways = [name for name in _WAYS if name in given]
        if len(ways) > 1:
            raise ApiError(f"Only one of {', '.join(_WAYS)} can be charged", ways[1])
        if ways and ways[0] != "payment_source_id":
            return None
        customer = account.tables["customers"].rows[given["customer"]]
        if not ways and customer["payment_source"] is None:
            raise ApiError("The customer has no payment source", "payment_source_id")
        if not ways:
            default: Row = customer["payment_source"]
            return default
        owned = account.tables["payment_sources"]
        if given["payment_source_id"] not in owned.where("_customer", given["customer"]):
            raise ApiError("No such payment source", "payment_source_id")
        return owned.rows[given["payment_source_id"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refunds(CrudRules):
    """The rules of refunds: they change their charge, and no document."""

    def create(self, account: Account, given: Row) -> Row:
        """Refund a part of the charge, or all of it. Refuse more than is left of it."""
        charge = account.tables["charges"].rows[given["charge"]]
        left = money(charge["amount"] - charge["amount_refunded"])
        if not 0 < given["amount"] <= left:
            raise ApiError(f"Only {left} of the charge can be refunded", "amount")
        row = save_new(
            account,
            self.resource,
            {
                **given,
                "currency": charge["currency"],
                "gateway": charge["gateway"],
                "gateway_id": f"re_{charge['id']:06x}{len(charge['refunds']):02x}",
            },
        )
        returned = money(charge["amount_refunded"] + given["amount"])
        after = {
            **charge,
            "amount_refunded": returned,
            "refunded": returned == charge["amount"],
            "refunds": [*charge["refunds"], row],
        }
        save(account, CHARGES, charge, after)
        return row


CHARGE_RULES = Charges(resource=CHARGES)
REFUND_RULES = Refunds(resource=REFUNDS)
