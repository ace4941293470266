"""Which account of the ledger a run writes to.

Credentials change, and a ledger may serve several accounts: what it knows of one must never be
taken for another's.
"""

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import blake2b

from invoiced_api.connection import PRODUCTION, SANDBOX, Connection
from invoiced_api.exceptions import InvalidInputError
from target_invoiced.ledger import Ledger
from target_invoiced.ledger.accounts import Credential


def use_account(
    ledger: Ledger,
    connection: Connection,
    name: str | None,
    now: Callable[[], float] = time.time,
) -> None:
    """Turn the ledger to the account of the connection.

    Args:
        ledger: to be turned.
        connection: the account and the credential.
        name: the setting `account`; None if it is not set. Then the address and the credential
            identify the account.
        now: UNIX time, in seconds.

    Raises:
        InvalidInputError: if it may be another account than the one that the ledger knows, or if
            another run writes to it.
    """
    secret = connection.access_token or connection.api_key or ""
    with ledger.accounts.registry():
        known = ledger.accounts.all()
        found = _account(known, connection.base_url, secret, name, ledger.accounts.holds_anything)
        ledger.accounts.register(found)
    ledger.use(found.account)
    ledger.accounts.use(found, int(now()))


def _account(
    known: Sequence[Credential],
    base_url: str,
    secret: str,
    name: str | None,
    holds_anything: Callable[[str], bool],
) -> Credential:
    """The account of the run, with the credential that the run uses. Raises InvalidInputError."""
    there = [one for one in known if one.base_url == base_url]
    mine = next((one for one in there if _is_of(secret, one)), None)
    if name is None:
        if mine is not None:
            return mine
        _refuse_unconfirmed(there, base_url, holds_anything)
        return _new(uuid.uuid4().hex, base_url, secret)
    named = next((one for one in known if name in (one.name, one.called)), None)
    if mine is not None:
        if mine.name not in (None, name) or (named and named.account != mine.account):
            raise InvalidInputError(
                f"setting `account` does not match the key: the ledger has this key for the "
                f"account `{mine.called}`. Set `account` to that name, or use the key of the "
                "other account."
            )
        return replace(mine, name=name)
    if named is not None:
        if {named.base_url, base_url} == {PRODUCTION, SANDBOX}:
            raise InvalidInputError(
                f"setting `account`: the ledger knows `{name}` at {named.base_url}, and this run "
                f"writes to {base_url}. Choose another name for one of the two."
            )
        same = [one for one in known if one.account == named.account and _is_of(secret, one)]
        if same:  # the account has another address than before
            return replace(same[0], base_url=base_url, name=name)
        return _new(named.account, base_url, secret, name)
    _refuse_unconfirmed([one for one in there if one.name is None], base_url, holds_anything)
    return _new(uuid.uuid4().hex, base_url, secret, name)


def _refuse_unconfirmed(
    known: Sequence[Credential], base_url: str, holds_anything: Callable[[str], bool]
) -> None:
    """Raises InvalidInputError if a new key may be one of these accounts'.

    Objects of the account prove nothing: callers choose the ids of some, and two accounts may
    number the others alike.
    """
    names = {one.called: None for one in known if holds_anything(one.account)}
    if names:
        listed = " or ".join(f'"{one}"' for one in names)
        raise InvalidInputError(
            f"the ledger knows an account at {base_url}, but not this key. If the key is mistyped, "
            f"correct it. If it is a new key of that account, set `account` to {listed}. If it is "
            "the key of another account, use another `ledger`, or run once with the known key and "
            "a name for its account in `account`."
        )


def _new(account: str, base_url: str, secret: str, name: str | None = None) -> Credential:
    salt = uuid.uuid4().hex
    return Credential(
        account=account,
        base_url=base_url,
        salt=salt,
        fingerprint=_fingerprint(secret, salt),
        name=name,
    )


def _is_of(secret: str, credential: Credential) -> bool:
    return _fingerprint(secret, credential.salt) == credential.fingerprint


def _fingerprint(secret: str, salt: str) -> str:
    return blake2b(secret.encode(), salt=salt.encode()[:16], digest_size=16).hexdigest()
