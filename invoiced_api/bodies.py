"""The types of the attributes that a write accepts; the rows of resources are made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Scalar(Enum):
    """The type of an attribute that is neither a part nor a reference.

    JSON is a list of the caller's own. Metadata is an object of the caller's own, with few short
    keys and values. A timestamp is sent as UNIX seconds.
    """

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    JSON = "json"
    METADATA = "metadata"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Ref:
    """The id of an object. Responses may show the object in its place.

    Attributes:
        resource: name of the resource that the object is of.
    """

    resource: str


@dataclass(frozen=True, slots=True)
class Nested:
    """A nested object.

    Attributes:
        body: the attributes that it accepts.
    """

    body: "Body"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of nested objects.

    Attributes:
        body: the attributes that each of them accepts.
    """

    body: "Body"


@dataclass(frozen=True, slots=True)
class RefList:
    """A list of ids, such as the tax rates of a customer.

    An entry may be the id, the object with that id, or an object that holds either in `attribute`.

    Attributes:
        resource: name of the resource that the objects are of.
        attribute: under which a nested object holds the id.
    """

    resource: str
    attribute: str


AttributeType = Scalar | Ref | Nested | ListOf | RefList
Body = Mapping[str, AttributeType]


def body(
    texts: str = "",
    /,
    *,
    numbers: str = "",
    integers: str = "",
    booleans: str = "",
    json: str = "",
    timestamps: str = "",
    **kinds: AttributeType,
) -> Body:
    """A body, with the names of its attributes in strings of words, by type.

    Example:
        >>> body("name email", booleans="autopay", parent_customer=Ref("customers"))["autopay"]
        <Scalar.BOOLEAN: 'boolean'>

    `metadata` has a type of its own, wherever it stands.
    """
    named = {
        Scalar.TEXT: texts,
        Scalar.NUMBER: numbers,
        Scalar.INTEGER: integers,
        Scalar.BOOLEAN: booleans,
        Scalar.JSON: json,
        Scalar.TIMESTAMP: timestamps,
    }
    plain = {word: kind for kind, words in named.items() for word in words.split()}
    if "metadata" in plain:
        plain["metadata"] = Scalar.METADATA
    return {**plain, **kinds}
