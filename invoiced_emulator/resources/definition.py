"""What a kind of object is: the row of the tables in `shapes`.

A row names the attributes of the object as Invoiced returns it, each with the value it has when
nothing was said, and the attributes that `POST` and `PATCH` accept, each with its type.
`timestamp` is an integer of UNIX seconds; `number` any JSON number.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Key = int | str
Types = Mapping[str, str]


def everything(_row: Row, _private: Row) -> tuple[str, ...]:
    """The lists on which an object appears: there is only one."""
    return ("all",)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceDefinition:
    """One kind of object.

    `links` maps attributes that hold a public address to its path, `{token}` to be filled in;
    `indexed` attributes are found without a scan. `list_names` says on which lists an object appears,
    `default_list` which of them a plain list shows and `flags` which query parameters, joined by `&`,
    show which other one; the first match counts. `owner` is the attribute that holds the id of the parent object, with an underscore where
    Invoiced does not show it. `on_request` attributes are only shown to who asks for them
    (`include`); lists that are not `incremental` ignore `updated_after`; changes to objects that
    are not `eventful` record no event; the caller may choose the id if `text_ids`.
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
    """`string="name email"` as `{"name": "string", "email": "string"}`."""
    return {name: kind for kind, listed in names.items() for name in listed.split()}


def template(template: Row, nulls: str = "") -> Row:
    """The template, followed by attributes that are null."""
    return {**template, **dict.fromkeys(nulls.split())}
