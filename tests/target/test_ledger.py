"""What the ledger is given is there as a whole or not at all."""

from pathlib import Path

import pytest

from target_invoiced.identity import ExternalKey
from target_invoiced.ledger import Ledger
from target_invoiced.ledger.keys import Known

KEY = ExternalKey("customers", "crm-7")


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.use("ours")
    with pytest.raises(ZeroDivisionError), ledger.transaction():
        ledger.keys.keep([Known(key=KEY, stream="customers", id=1)])
        ledger.answers.owe([b"%d" % (1 // 0)])
    assert ledger.keys.known([KEY]) == {}
    ledger.close()


def test_a_transaction_within_another_shares_its_fate(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.use("ours")
    with ledger.transaction():
        with pytest.raises(ZeroDivisionError), ledger.transaction():
            ledger.keys.keep([Known(key=KEY, stream="customers", id=1 // 0)])
        ledger.keys.keep([Known(key=KEY, stream="customers", id=2)])
    assert ledger.keys.known([KEY])[KEY].id == 2
    ledger.close()
