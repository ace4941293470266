"""How the attributes of a write are told to Invoiced: kinds that resource rows are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Scalar(Enum):
    """The type of an attribute that is no part or reference.

    JSON is a list of the caller's own. Metadata is an object of the caller's own, of few and short
    keys and values. A timestamp goes out as UNIX seconds.
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
    """The id of an object of another resource. Reads may show the object in its place."""

    resource: str


@dataclass(frozen=True, slots=True)
class Nested:
    """A nested object, of which only these attributes are accepted."""

    body: "Body"


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of nested objects, of each of which only these attributes are accepted."""

    body: "Body"


@dataclass(frozen=True, slots=True)
class RefList:
    """A list of ids of another resource, such as the tax rates of a customer.

    An entry may be the id, the object that has it, or an object that holds either in `attribute`.
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
    """A body of attributes named in strings of words, by their type, and of others by name.

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
