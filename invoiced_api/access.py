"""Tries the credentials: what may they read?"""

from collections.abc import Iterator

from invoiced_api.client import Call, Client
from invoiced_api.failures import Forbidden
from invoiced_api.resources import RESOURCES


def check_access(client: Client) -> Iterator[str]:
    """A line per resource: whether it may be read, and if not, what Invoiced says of it.

    Children are left out: they are where their parents are.

    Raises RunBlocked if the credentials are good for nothing.
    """
    for resource in RESOURCES:
        if resource.parent:
            continue
        try:
            client.send(Call(method="GET", path=resource.path, params={"per_page": 1}))
            yield f"{resource.name}: readable"
        except Forbidden as refusal:
            yield f"{resource.name}: not readable, {refusal}"
