"""What a row of the table of resources holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from invoiced_api.bodies import Body


class DeleteBehaviour(Enum):
    """What takes an object out of the books."""

    DELETE = "deleted for good"
    VOID_ONCE_ISSUED = "a draft is deleted, an issued document is voided"
    VOID = "deleting it voids it; the object stays"
    CANCEL = "deleting it cancels it; the object stays"


class SideEffect(Enum):
    """What a write may do to a customer or a card, beyond the books."""

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
    PER_PARENT = "full scan of a list below each object of the parent stream"
    NEWEST_FIRST = (
        "newest first: the list is read back to the bookmark, and its objects never change"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The resource that children stand below. `attribute` names the parent's id in the child.

    Only parents that have something in `having` have children, if that is given. `singleton`: each
    parent has one object, which has no id.
    """

    resource: str
    attribute: str
    having: str | None = None
    singleton: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteCalls:
    """What the calls accept that create and update an object, and how it leaves the books.

    `update` and `removal` are None where there is no such call. `path` is where objects are
    created, if that is not their list; `object_path` is one object, below `path` unless given. Both name
    in braces the attributes that fill them. A `singleton` object is the only one of its parent: it is
    set (PUT) at `path`, which is also where it is deleted. Of the attributes in `one_of` a create
    takes one, the first that a record has. `side_effect` is what every create has. Invoiced refuses
    to clear an attribute in `required`.
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
    """One kind of object. What a resource cannot do is absent from its row.

    `path` is its list, with `/ID` its object, with `/ID/void` the call that voids it; children
    name their parent in it, as `{customer}`. `lists` are the queries that together return every
    object, in the order in which an object can move from one to the next. `natural_key` is the
    caller's own, unique reference. `money` are the columns of amounts in its `currency`.
    `deleted_by` are the types of event that report a removal. `customer_column` holds the id of
    the customer that an object belongs to.

    If no page describes its objects, it is not `documented`: attributes without a column are always
    kept, and an account may lack its list. `flag` is a parameter of one of the `lists`, and the
    column that shows whether a row came from it.

    It has more fields than a class should have, since it is the row of a table.
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
        """The attributes that tell its objects apart."""
        if self.parent and self.parent.singleton:
            return (self.parent.attribute,)
        return (self.parent.attribute, "id") if self.parent else ("id",)

    @property
    def singular(self) -> str:
        """What an attribute that refers to one of its objects is called."""
        return self.name.removesuffix("s")
