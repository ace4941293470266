"""Create, update and delete for resources of which Invoiced computes nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from invoiced_emulator.exceptions import ApiError
from invoiced_emulator.resources.definition import ResourceDefinition, Row
from invoiced_emulator.rules.changes import require_objects, save, save_new, stored_fields
from invoiced_emulator.store.account import Account


@dataclass(frozen=True, slots=True, kw_only=True)
class CrudRules:
    """Store what was written, after the checks that all resources share.

    Attributes:
        resource: whose objects they are.
        refers: attributes that hold an id, with the resource of that id.
    """

    resource: ResourceDefinition
    refers: Mapping[str, str] = field(default_factory=dict)

    def create(self, account: Account, given: Row) -> Row:
        """Insert the object. Refuse an id that is taken, and references to absent objects."""
        require_objects(account, self.refers, given)
        key = given.get("id")
        if key is not None and account.row(self.resource.name, key) is not None:
            raise ApiError(f"The id {key} is taken by another {self.resource.singular}", "id")
        return save_new(account, self.resource, stored_fields(self.resource, lowered(given)))

    def update(self, account: Account, row: Row, given: Row) -> Row:
        """Change the attributes in `given`. Refuse references to absent objects."""
        require_objects(account, self.refers, given)
        after = {**row, **stored_fields(self.resource, lowered(given))}
        return save(account, self.resource, row, after)

    def delete(self, account: Account, row: Row) -> Row | None:
        """Remove the object and record its event."""
        account.remove(self.resource.name, row["id"])
        return None


def lowered(given: Row) -> Row:
    """The attributes, with their currency in small letters."""
    return {**given, "currency": given["currency"].lower()} if given.get("currency") else given
