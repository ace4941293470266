"""Accounts that share a ledger: nothing of one is found or changed for another."""

from collections.abc import Iterator

import pytest

from target_invoiced.ledger import Ledger
from target_invoiced.ledger.journal import SentBatch
from target_invoiced.ledger.keys import ObjectMapping
from target_invoiced.ledger.replay import Entry, Stage
from target_invoiced.mapping.keys import ExternalKey

# Before, after and between each other in any order.
ACCOUNTS = ("a", "b", "c")


def entry(**values: object) -> Entry:
    return Entry(
        **{"id": "e", "stream": "notes", "digest": b"x", "stage": Stage.ANNOUNCED, **values}
    )


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger(None)
    for account in ACCOUNTS:
        made.use(account)
        key = ExternalKey("customers", f"key-of-{account}")
        made.keys.keep([ObjectMapping(key=key, stream="customers", id=7, version=1)])
        made.journal.enter(
            [
                entry(path="/notes/7", digest=account.encode(), batch="b-2"),
                entry(id="r", stage=Stage.REJECTED, reject_id="id"),
            ]
        )
        made.journal.keep_batches(
            [SentBatch(id=f"b-{n}", method="POST", path=b"[]", bodies=b"[]") for n in (1, 2, 3)]
        )
    yield made
    made.close()


@pytest.mark.parametrize("account", ACCOUNTS)
def test_an_object_is_the_own_account_s(ledger: Ledger, account: str) -> None:
    ledger.use(account)
    assert ledger.keys.owner("customers", 7) == ExternalKey("customers", f"key-of-{account}")
    assert ledger.keys.owner("customers", 8) is None
    assert ledger.keys.count("customers", "customers", 2) == (1, 1, 1)
    assert ledger.journal.digest_at("/notes/7") == account.encode()
    assert ledger.journal.digest_at("/notes/8") is None


def stages(ledger: Ledger) -> dict[str, Stage]:
    digests = {b"x": 1, **{account.encode(): 1 for account in ACCOUNTS}}
    found = ledger.journal.equal("", digests, run="another", now=0)
    return {one.id: one.stage for one in found}


def test_the_end_of_a_batch_changes_that_batch_alone(ledger: Ledger) -> None:
    ledger.use("b")
    ledger.journal.end_batch("b-2", Stage.SETTLED)
    kept = {id: ledger.journal.batch(id) is not None for id in ("b-1", "b-2", "b-3")}
    assert kept == {"b-1": True, "b-2": False, "b-3": True}
    assert stages(ledger)["e"] is Stage.SETTLED
    for other in ("a", "c"):
        ledger.use(other)
        assert ledger.journal.batch("b-2") is not None
        assert stages(ledger)["e"] is Stage.ANNOUNCED


def test_a_corrected_reject_is_settled_in_its_account_alone(ledger: Ledger) -> None:
    ledger.use("b")
    ledger.journal.settle_rejects(["other", "id"])
    assert stages(ledger)["r"] is Stage.SETTLED
    for other in ("a", "c"):
        ledger.use(other)
        assert stages(ledger)["r"] is Stage.REJECTED
