"""One row of the tables of resources: what a kind of object looks like.

A row names the attributes of the object as Invoiced returns it, each with its default, and the
attributes that `POST` and `PATCH` accept, each with its type. A `timestamp` is an integer of UNIX
seconds; a `number` is any JSON number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Key = int | str
Types = Mapping[str, str]


def everything(_row: Row, _private: Row) -> tuple[str, ...]:
    """The lists on which an object appears, if there is only one."""
    return ("all",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDefinition:
    """One kind of object.

    Attributes:
        name: of the resource, as its path spells it.
        singular: of the objects, as their attribute `object` and their events spell it.
        template: every attribute of an object, with its default.
        create: attributes that `POST` accepts, with their types.
        update: attributes that `PATCH` accepts, with their types.
        required: attributes without which `POST` is refused.
        blank_refused: attributes that `PATCH` must not set to null or an empty string.
        prefix: of the numbers that Invoiced hands out, such as `INV`; None if it hands out none.
        links: attributes that hold a public address, with its path; `{token}` is filled in.
        indexed: attributes by which objects are found without a scan.
        list_names: the lists on which an object appears.
        default_list: the list that is shown if no flag asks for another.
        flags: query parameters, joined by `&`, and the list that they show; the first match counts.
        dated: whether lists know `start_date` and `end_date`.
        incremental: whether lists know `updated_after`.
        eventful: whether changes record events.
        text_ids: whether the caller may choose the id, which is a string.
        owner: the attribute with the id of the parent; it begins with an underscore where Invoiced
            does not show it.
        on_request: attributes that are only shown if the query has them in `include`.
        label: the name of the object in refusals, where it is not `singular` in capitals.
    """

    name: str
    singular: str
    template: Row
    create: Types = field(default_factory=dict)
    update: Types = field(default_factory=dict)
    required: tuple[str, ...] = ()
    blank_refused: tuple[str, ...] = ()
    prefix: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    indexed: tuple[str, ...] = ()
    list_names: Callable[[Row, Row], tuple[str, ...]] = everything
    default_list: str = "all"
    flags: Mapping[str, str] = field(default_factory=dict)
    dated: bool = False
    incremental: bool = False
    eventful: bool = True
    text_ids: bool = False
    owner: str = ""
    on_request: tuple[str, ...] = ()
    label: str = ""


def field_types(**names: str) -> dict[str, str]:
    """Types by attribute: `string="name email"` becomes `{"name": "string", "email": "string"}`."""
    return {name: kind for kind, listed in names.items() for name in listed.split()}


def template(template: Row, nulls: str = "") -> Row:
    """The template, followed by attributes that are null."""
    return {**template, **dict.fromkeys(nulls.split())}
