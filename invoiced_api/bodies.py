"""How the attributes of a write are told to Invoiced: kinds that resource rows are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum


class Plain(Enum):
    """An attribute whose value goes out as it is, or as UNIX seconds.

    JSON is no text but a number, a boolean, a list or an object: a string there stands for one.
    Metadata is an object of the caller's own, of few and short keys and values.
    """

    VALUE = "value"
    JSON = "json"
    METADATA = "metadata"
    TIMESTAMP = "timestamp"


@dataclass(frozen=True, slots=True)
class Ref:
    """The id of an object of another resource. Reads may show the object in its place."""

    resource: str


@dataclass(frozen=True, slots=True)
class One:
    """A nested object, of which only these attributes are accepted."""

    body: "Body"


@dataclass(frozen=True, slots=True)
class Each:
    """A list of nested objects, of each of which only these attributes are accepted."""

    body: "Body"


@dataclass(frozen=True, slots=True)
class RefList:
    """A list of ids of another resource, such as the tax rates of a customer.

    An entry may be the id, the object that has it, or an object that holds either in `attribute`.
    """

    resource: str
    attribute: str


Kind = Plain | Ref | One | Each | RefList
Body = Mapping[str, Kind]


def body(values: str = "", /, *, json: str = "", timestamps: str = "", **kinds: Kind) -> Body:
    """A body of plain values and timestamps, named in strings of words, and of other kinds.

    The value `metadata` is of its own kind, wherever it stands.
    """
    return {
        **dict.fromkeys(values.split(), Plain.VALUE),
        **{word: _kind_of_json(word) for word in json.split()},
        **dict.fromkeys(timestamps.split(), Plain.TIMESTAMP),
        **kinds,
    }


def _kind_of_json(word: str) -> Plain:
    return Plain.METADATA if word == "metadata" else Plain.JSON
