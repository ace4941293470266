"""Payments, and the read-only transactions that mirror their applications."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.money import Number, money
from invoiced_emulator.resources.definition import Row
from invoiced_emulator.resources.payments import PAYMENTS
from invoiced_emulator.rules.base import CrudRules, lowered
from invoiced_emulator.rules.changes import require_object, save, stored_fields
from invoiced_emulator.rules.documents import ESTIMATE_RULES
from invoiced_emulator.rules.transactions import TRANSACTION_RULES
from invoiced_emulator.store.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedType:
    """One type of application.

    Attributes:
        names: the documents that an application must name.
        funded: whether it uses up the payment.
        sign: of the amount of its transaction.
        shadow: attributes of the transaction that mirrors it; None if there is none.
    """

    names: tuple[str, ...] = ()
    funded: bool = True
    sign: int = 1
    shadow: Mapping[str, str] | None


_BALANCE = {"type": "adjustment", "method": "balance"}
KINDS: Mapping[str, AppliedType] = {
    "invoice": AppliedType(names=("invoice",), shadow={}),
    "estimate": AppliedType(names=("estimate",), shadow=None),
    "credit": AppliedType(sign=-1, shadow=_BALANCE),
    "convenience_fee": AppliedType(shadow={"notes": "Convenience fee"}),
    "credit_note": AppliedType(
        names=("credit_note", "invoice"), funded=False, sign=-1, shadow=_BALANCE
    ),
    "applied_credit": AppliedType(names=("invoice",), funded=False, shadow={"method": "balance"}),
}
# The documents an application takes from, each with its resource.
_DOCUMENTS = {"invoice": "invoices", "credit_note": "credit_notes", "estimate": "estimates"}
_SPENT = ("invoice", "credit_note")


def used(applied: Iterable[Row]) -> Number:
    """The sum of the applications that use up a payment."""
    return money(sum(entry["amount"] for entry in applied if KINDS[entry["type"]].funded))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payments(CrudRules):
    """The rules of payments. `delete` voids: the object stays, what it paid is owed again."""

    def create(self, account: Account, given: Row) -> Row:
        """Insert the payment and apply it to its documents.

        Refuse applications that exceed the payment or a document, and unknown customers.
        """
        row = {"applied_to": [], **stored_fields(self.resource, lowered(given))}
        row = {**row, **self._checked(account, row, ())}
        row = account.insert(self.resource.name, row)
        self._apply(account, row)
        account.record("created", self.resource.name, row)
        return row

    def update(self, account: Account, row: Row, given: Row) -> Row:
        """Change the payment, and apply it again if its applications changed. Refuse a void one."""
        if row["voided"]:
            raise ApiError("A voided payment cannot be edited")
        after = {**row, **stored_fields(self.resource, lowered(given))}
        again = "applied_to" in given and given["applied_to"] != row["applied_to"]
        after.update(self._checked(account, after, row["applied_to"]))
        if again:
            self._release(account, row)
        after = save(account, self.resource, row, after)
        if again:
            self._apply(account, after)
        return after

    def delete(self, account: Account, row: Row) -> Row:
        """Void the payment: the object stays, and its documents are due again."""
        if row["voided"]:
            raise ApiError("The payment is voided already")
        self._release(account, row)
        gone = {"voided": True, "applied_to": [], "balance": row["amount"]}
        return save(account, self.resource, row, {**row, **gone}, "deleted")

    def _checked(self, account: Account, row: Row, before: Iterable[Row]) -> Row:
        """The attributes that follow from a payment's amount and applications."""
        require_object(account, "customers", row.get("customer"), "customer")
        applied = [_entry(account, entry) for entry in row["applied_to"]]
        _check_room(account, applied, before)
        customer = row.get("customer")
        for entry in applied:
            if customer is None and (name := KINDS[entry["type"]].names[:1]):
                customer = account.tables[_DOCUMENTS[name[0]]].rows[entry[name[0]]]["customer"]
        if applied and customer is None:
            raise ApiError("A payment that is applied needs a customer", "customer")
        amount = row.get("amount")
        amount = used(applied) if amount is None else amount
        if amount < 0 or money(amount - used(applied)) < 0:
            raise ApiError("The applications exceed the amount of the payment", "applied_to")
        return {
            "applied_to": applied,
            "customer": customer,
            "amount": amount,
            "balance": money(amount - used(applied)),
            "matched": True if applied else row.get("matched"),
        }

    def _apply(self, account: Account, row: Row) -> None:
        for entry in row["applied_to"]:
            kind = KINDS[entry["type"]]
            if kind.shadow is None:
                _set_deposit_paid(account, entry["estimate"], True)
                continue
            shadow = {
                "type": "charge" if row["charge"] else "payment",
                "method": row["method"],
                "customer": row["customer"],
                "date": row["date"],
                "currency": row["currency"],
                "amount": kind.sign * entry["amount"],
                "payment": row["id"],
                **{name: entry[name] for name in _SPENT if name in kind.names},
                **kind.shadow,
            }
            TRANSACTION_RULES.create(account, shadow)

    def _release(self, account: Account, row: Row) -> None:
        transactions = account.tables["transactions"]
        for key in sorted(transactions.where("payment", row["id"])):
            TRANSACTION_RULES.undo(account, transactions.rows[key])
        for entry in row["applied_to"]:
            if entry["type"] == "estimate":
                _set_deposit_paid(account, entry["estimate"], False)


def _entry(account: Account, given: Row) -> Row:
    """An application with all its attributes. Refused if it makes no sense."""
    kind = KINDS.get(given.get("type") or "")
    if kind is None:
        raise ApiError(f"The type of an application is one of {', '.join(KINDS)}", "applied_to")
    if not given.get("amount") or given["amount"] < 0:
        raise ApiError("An application needs an amount", "applied_to")
    for name in kind.names:
        if given.get(name) is None:
            raise ApiError(f"An application of type {given['type']} names its {name}", "applied_to")
        require_object(account, _DOCUMENTS[name], given[name], name)
        account.tables[_DOCUMENTS[name]].check_stored(given[name])
        document = account.tables[_DOCUMENTS[name]].rows[given[name]]
        if document["status"] in ("draft", "voided"):
            raise ApiError(f"The {name.replace('_', ' ')} is {document['status']}", "applied_to")
    return {"type": given["type"], "amount": given["amount"], **{n: given[n] for n in kind.names}}


def _check_room(account: Account, applied: Iterable[Row], before: Iterable[Row]) -> None:
    """Refuse to take more from a document than is open, what is released meanwhile included."""
    room: Counter[tuple[str, int]] = Counter()
    for sign, entries in ((1, applied), (-1, before)):
        for entry in entries:
            for name in {*_SPENT} & {*KINDS[entry["type"]].names}:
                room[name, entry[name]] += sign * entry["amount"]
    for (name, key), amount in room.items():
        document = account.row(_DOCUMENTS[name], key)
        if document and money(amount) > document["balance"]:
            noun = name.replace("_", " ")
            raise ApiError(f"Only {document['balance']} of the {noun} is open", "applied_to")


def _set_deposit_paid(account: Account, key: int, paid: bool) -> None:
    estimate = account.row("estimates", key)
    if estimate is not None:
        save(account, ESTIMATE_RULES.resource, estimate, {**estimate, "deposit_paid": paid})


PAYMENT_RULES = Payments(resource=PAYMENTS)
