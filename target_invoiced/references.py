"""Finds the objects that records refer to by natural key."""

from typing import Any

from invoiced_api.client import Call, Client
from invoiced_api.resources import BY_NAME
from target_invoiced.bodies import NaturalKey, Unwritable


class References:
    """Looks natural keys up in the account; what was found is remembered until it may change."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._found: dict[NaturalKey, Any] = {}

    def forget(self, resource: str) -> None:
        """To be called when a resource was written to: natural keys may be others' now."""
        self._found = {key: found for key, found in self._found.items() if key.resource != resource}

    def resolved(self, body: Any) -> Any:
        """The body with ids in place of natural keys. Raises Unwritable unless one matches each."""
        if isinstance(body, dict):
            return {name: self.resolved(value) for name, value in body.items()}
        if isinstance(body, list):
            return [self.resolved(value) for value in body]
        if isinstance(body, NaturalKey):
            if body not in self._found:
                self._found[body] = self._look_up(body)
            return self._found[body]
        return body

    def _look_up(self, key: NaturalKey) -> Any:
        query: dict[str, str | int] = {f"filter[{key.attribute}]": key.value, "per_page": 2}
        path = BY_NAME[key.resource].path
        rows = self._client.send(Call(method="GET", path=path, params=query)).body
        matches = [row for row in rows if row.get(key.attribute) == key.value]
        if len(matches) != 1:
            count = "no" if not matches else "more than one"
            raise Unwritable(
                f"{count} object of {key.resource} has the {key.attribute} {key.value}"
            )
        return matches[0]["id"]
