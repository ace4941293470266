"""What the functions that make sample data share: random numbers, the time, the account."""

from dataclasses import dataclass
from random import Random

from invoiced_emulator.resources.definition import Row
from invoiced_emulator.store.account import Account

DAY_S = 86_400
# Nothing was touched during the last hour.
QUIET_S = 3_600
HISTORY_DAYS = 425  # about fourteen months


@dataclass(slots=True)
class SeedContext:
    """What the makers of sample data share.

    Attributes:
        account: the account to fill.
        random: the only source of chance, so that a seed gives the same data each time.
        now: the UNIX second at which the data ends.
    """

    account: Account
    random: Random
    now: int
    _customers: int = 0
    _sources: int = 850

    def take_customer_id(self) -> int:
        """The id of the next customer."""
        self._customers += 1
        return self.account.tables["customers"].next_id + self._customers - 1

    def past(self, second: float) -> int:
        """`second`, or the last one before the quiet hour if that is earlier."""
        return min(int(second), self.now - QUIET_S)

    def after(self, second: int, least_days: float, most_days: float) -> int:
        """A moment `least_days` to `most_days` after `second`, and before the quiet hour."""
        days = self.random.uniform(least_days, max(least_days, most_days))
        return max(second, self.past(second + days * DAY_S))

    def date(self, second: int) -> int:
        """The `date` of a document made at this UNIX second."""
        if self.account.time_zone is None:
            return second - second % DAY_S + 6 * 3600
        return self.account.document_date(second)

    def rate(self, resource: str, key: str) -> Row:
        """An object of the catalog."""
        return self.account.tables[resource].rows[key]

    def source(self) -> Row:
        """A card, or sometimes a bank account."""
        rng = self.random
        self._sources += 1
        if rng.random() < 0.2:
            return {
                "id": self._sources,
                "object": "bank_account",
                "bank_name": rng.choice(("Wells Fargo", "First Prairie Bank")),
                "last4": f"{rng.randint(0, 9999):04d}",
                "routing_number": "110000000",
                "verified": True,
                "currency": "usd",
            }
        return {
            "id": self._sources,
            "object": "card",
            "brand": rng.choice(("Visa", "Mastercard", "American Express")),
            "last4": f"{rng.randint(0, 9999):04d}",
            "exp_month": rng.randint(1, 12),
            "exp_year": rng.randint(2027, 2031),
            "funding": rng.choice(("credit", "credit", "debit")),
        }
