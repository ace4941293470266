"""Compiles the loop that makes records of typed objects: nearly all the work after decoding."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tap_invoiced.conversion import free_form
from tap_invoiced.date_times import HOUR_S, HOURS, SECONDS

# Converts objects, in place.
ConvertEach = Callable[[Iterable[Any]], None]
# Takes a value that cannot be kept, and what is emitted in its place.
Lose = Callable[[Any, str], None]


@dataclass(slots=True)
class Conversions:
    """What is done to the attributes of the objects of one type. Names are Python identifiers.

    Attributes:
        date_times: names of those that hold UNIX seconds.
        free_forms: those that hold maps of anything, and what takes note of their losses.
        objects: those that hold an object, and what converts it.
        lists: those that hold a list of objects, and what converts these.
    """

    date_times: list[str] = field(default_factory=list)
    free_forms: dict[str, Lose] = field(default_factory=dict)
    objects: dict[str, ConvertEach] = field(default_factory=dict)
    lists: dict[str, ConvertEach] = field(default_factory=dict)

    def compiled(self) -> ConvertEach:
        """A function that carries them out.

        Its source names each attribute, like the methods that dataclasses compile. A loop over a
        list of names takes two thirds longer.
        """
        known: dict[str, Any] = {"HOURS": HOURS, "SECONDS": SECONDS, "HOUR_S": HOUR_S}
        before, each, after = [], ["pass"], []
        for name in self.date_times:
            each.append(f"moment = one.{name}")
            text = "HOURS[moment // HOUR_S] + SECONDS[moment % HOUR_S]"
            each.append(f"if type(moment) is int: one.{name} = {text}")
        for name, lose in self.free_forms.items():
            known[f"convert_{name}"] = partial(_keep_digits, name=name, lose=lose)
            each.append(f"if one.{name}: convert_{name}(one, one.{name})")
        for parts, take in ((self.objects, "append"), (self.lists, "extend")):
            for name, convert_each in parts.items():
                known[f"convert_{name}"] = convert_each
                before.append(f"found_{name} = []")
                each.append(f"if one.{name}: found_{name}.{take}(one.{name})")
                after.append(f"if found_{name}: convert_{name}(found_{name})")
        body = [*before, "for one in objects:", *(f"  {line}" for line in each), *after]
        source = "\n".join(["def convert_each(objects):", *(f"  {line}" for line in body)])
        exec(source, known)  # of names of columns only, which the types have checked
        convert: ConvertEach = known["convert_each"]
        return convert


def _keep_digits(one: Any, value: dict[str, Any], name: str, lose: Lose) -> None:
    """Converts a free-form part, unless it holds texts only, as nearly all do."""
    for inner in value.values():
        if type(inner) is not str:
            setattr(one, name, free_form(value, lose))
            return
