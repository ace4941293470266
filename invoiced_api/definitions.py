"""The types of a row of the table of resources."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from invoiced_api.bodies import Body


class DeleteBehaviour(Enum):
    """What deleting an object does at Invoiced."""

    DELETE = "deleted for good"
    VOID_ONCE_ISSUED = "a draft is deleted, an issued document is voided"
    VOID = "deleting it voids it; the object stays"
    CANCEL = "deleting it cancels it; the object stays"


class SideEffect(Enum):
    """How a write may reach a customer or a card. Values are those of `allow_side_effects`."""

    EMAILS = "emails"
    CHARGES = "charges"
    PAYMENT_SOURCES = "payment_sources"
    AUTOPAY = "autopay"


class ReadStrategy(Enum):
    """How the changes of a resource are read."""

    INCREMENTAL = "incremental: the list is filtered and sorted by `updated_at`"
    FULL_SCAN = (
        "full scan: the whole list is read, and objects updated since the bookmark are emitted"
    )
    PER_PARENT = "per parent: a list below each object of the parent stream"
    NEWEST_FIRST = (
        "newest first: the list is read back to the bookmark, and its objects never change"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The resource below whose objects a resource's lists are.

    Attributes:
        resource: name of the parent resource.
        attribute: of the child, which holds the parent's id.
        having: attribute of parents that have children; None if any may have some.
        singleton: whether each parent has at most one object, which has no id.
        reported_by: types of objects whose events report changes of the children, and may name the
            parent. Without any, only a list of each parent shows what changed.
    """

    resource: str
    attribute: str
    having: str | None = None
    singleton: bool = False
    reported_by: tuple[str, ...] = ()


def of_a_customer(reported_by: str) -> Parent:
    """The parent of a customer's objects; `reported_by` is their type in events."""
    return Parent(resource="customers", attribute="customer", reported_by=(reported_by,))


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCalls:
    """The calls that create, change and remove an object; attributes fill names in braces.

    Attributes:
        create: attributes that a create accepts.
        update: attributes that an update accepts; None if there is no such call.
        removal: what a deletion does; None if there is no such call.
        path: where objects are created; None for the list of the resource.
        object_path: one object; None for `/{id}` below the path of creates.
        singleton: the only object of its parent, which is set (PUT) and deleted at `path`.
        one_of: attributes of which a create takes one, the first that a record has.
        side_effect: how every create reaches a customer or a card; None if it does not.
        required: attributes that Invoiced refuses to clear.
    """

    create: Body
    update: Body | None = None
    removal: DeleteBehaviour | None = DeleteBehaviour.DELETE
    path: str | None = None
    object_path: str | None = None
    singleton: bool = False
    one_of: tuple[str, ...] = ()
    side_effect: SideEffect | None = None
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of object: a row of the table of resources.

    It has more fields than a class should have, since it is the row of a table.

    Attributes:
        name: of the resource and of its stream.
        path: its list; with `/ID` its object, with `/ID/void` the call that voids it. Children
            name their parent in it, as `{customer}`.
        strategy: how its changes are read.
        lists: parameters of the queries that together return every object, in the order in which an
            object can move from one to the next.
        parent: below whose objects its lists are; None at the top.
        replication_key: attribute with the UNIX second of the last change.
        by_default: whether its stream is read unless the catalog says otherwise.
        documented: whether the reference describes its objects. If not, attributes without a column
            are always kept, and an account may lack the list.
        flag: parameter of one of the `lists`, and column that shows whether a row came from it.
        natural_key: attribute with a unique reference of the caller's own.
        money: columns with amounts in the object's `currency`.
        deleted_by: types of events that report a removal.
        customer_column: attribute with the id of the customer that an object belongs to.
        writes: the calls that write; None if it is read only.
    """

    name: str
    path: str
    strategy: ReadStrategy = ReadStrategy.INCREMENTAL
    lists: tuple[Mapping[str, str], ...] = ({},)
    parent: Parent | None = None
    replication_key: str = "updated_at"
    by_default: bool = False
    documented: bool = True
    flag: str | None = None
    natural_key: str | None = None
    money: tuple[str, ...] = ()
    deleted_by: tuple[str, ...] = ()
    customer_column: str | None = None
    writes: WriteCalls | None = None

    @property
    def key(self) -> tuple[str, ...]:
        """The attributes that together identify an object."""
        if self.parent and self.parent.singleton:
            return (self.parent.attribute,)
        return (self.parent.attribute, "id") if self.parent else ("id",)

    @property
    def singular(self) -> str:
        """The name of an attribute that refers to one of its objects."""
        return self.name.removesuffix("s")
