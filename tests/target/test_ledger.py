"""A transaction of the ledger is kept as a whole or not at all."""

import contextlib
from decimal import Decimal
from pathlib import Path

import pytest

from target_invoiced.ledger import Ledger
from target_invoiced.ledger.keys import ObjectMapping
from target_invoiced.mapping.keys import ExternalKey, key_text

KEY = ExternalKey("customers", "crm-7")


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.use("ours")
    with pytest.raises(ZeroDivisionError), ledger.transaction():
        ledger.keys.keep([ObjectMapping(key=KEY, stream="customers", id=1)])
        ledger.outbox.add([b"%d" % (1 // 0)])
    assert ledger.keys.known([KEY]) == {}
    ledger.close()


def test_a_nested_transaction_shares_the_outcome_of_the_outer_one(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.use("ours")
    with pytest.raises(ZeroDivisionError), ledger.transaction():
        with ledger.transaction():
            ledger.keys.keep([ObjectMapping(key=KEY, stream="customers", id=1)])
        ledger.outbox.add([b"%d" % (1 // 0)])
    assert ledger.keys.known([KEY]) == {}
    ledger.close()


def test_a_transaction_fails_with_one_within_it_even_if_it_goes_on(tmp_path: Path) -> None:
    """No part of it is kept: neither the writes before the failure nor those after it."""
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.use("ours")
    with pytest.raises(ZeroDivisionError), ledger.transaction():
        ledger.outbox.add([b"before"])
        with contextlib.suppress(ZeroDivisionError), ledger.transaction():
            ledger.keys.keep([ObjectMapping(key=KEY, stream="customers", id=1)])
            ledger.keys.keep([ObjectMapping(key=KEY, stream="customers", id=1 // 0)])
        ledger.outbox.add([b"behind"])
    assert (ledger.keys.known([KEY]), ledger.outbox.pending(9)) == ({}, [])
    with ledger.transaction():
        ledger.outbox.add([b"the next one"])
    assert [answer for _, answer in ledger.outbox.pending(9)] == [b"the next one"]
    ledger.close()


@pytest.mark.parametrize("value", [5, 5.0, "5", Decimal("5"), Decimal("5.000")])
def test_a_whole_number_is_one_key_however_it_is_written(value: object) -> None:
    assert key_text(value) == "5"


@pytest.mark.parametrize("value", ["5.0", "05", " 5", "5e0"])
def test_a_text_that_is_written_otherwise_is_another_key(value: str) -> None:
    assert key_text(value) == value


def test_a_key_of_several_columns_is_kept_in_the_order_in_which_it_first_came(
    tmp_path: Path,
) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.use("ours")
    assert ledger.keys.key_order("contacts", ["tenant", "acct"]) == ["tenant", "acct"]
    assert ledger.keys.key_order("contacts", ["acct", "tenant"]) == ["tenant", "acct"]
    assert ledger.keys.key_order("customers", ["acct", "tenant"]) == ["acct", "tenant"]
    ledger.close()
