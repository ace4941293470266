"""Which account of the ledger a run writes to.

Credentials change, and a ledger may serve accounts at several addresses: what it knows of one
must not be taken for another's.
"""

import uuid
from hashlib import blake2b

from invoiced_api.client import Request
from invoiced_api.connection import Connection
from invoiced_api.exceptions import InvalidInputError, RecordRejectedError
from target_invoiced.delivery.senders import Sender
from target_invoiced.ledger import Ledger
from target_invoiced.ledger.accounts import Credential
from target_invoiced.mapping.paths import object_path

# Objects that are looked for in an account to see whether it is the one that the ledger knows.
SAMPLES = 5


def use_account(ledger: Ledger, sender: Sender, connection: Connection) -> None:
    """Turn the ledger to the account of the connection. Raises InvalidInputError if it may be another.

    A credential that is new is tried on objects that the ledger knows.
    """
    base_url, secret = connection.base_url, connection.access_token or connection.api_key or ""
    known = ledger.accounts.at(base_url)
    for one in known:
        if _fingerprint(secret, one.salt) == one.fingerprint:
            ledger.use(one.account)
            return
    account, keyed = uuid.uuid4().hex, False
    for name in dict.fromkeys(one.account for one in known):
        samples = [object_path(*sample) for sample in ledger.accounts.samples(name, SAMPLES)]
        paths = [path for path in [*samples, *ledger.accounts.made(name, SAMPLES)] if path]
        if any(_is_there(sender, path) for path in paths):
            account, keyed = name, False
            break
        keyed = keyed or bool(samples)
    if keyed:
        raise InvalidInputError(
            f"the ledger knows another account at {base_url}, none of whose objects this "
            "`api_key` finds. Give this account a `ledger` of its own."
        )
    salt = uuid.uuid4().hex
    ledger.accounts.admit(Credential(account, salt, _fingerprint(secret, salt)), base_url)
    ledger.use(account)


def _fingerprint(secret: str, salt: str) -> str:
    return blake2b(secret.encode(), salt=salt.encode()[:16], digest_size=16).hexdigest()


def _is_there(sender: Sender, path: str) -> bool:
    try:
        sender.send(Request(method="GET", path=path))
    except RecordRejectedError:
        return False
    return True
