"""Settings as the user writes them, parsed once into values that can be trusted."""

import difflib
import logging
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from invoiced_api.exceptions import InvalidInputError

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: how its value is understood, and what the documentation says of it.

    `parse` takes what the file or the environment holds and raises ValueError with words that
    complete "setting `x` must be …".
    """

    name: str
    kind: str
    parse: Callable[[Any], Any]
    default: Any = None
    secret: bool = False
    help: str = ""
    also_from: str | None = None


def read_settings(
    table: Iterable[Setting], config: Mapping[str, Any], prefix: str, environ: Mapping[str, str]
) -> dict[str, Any]:
    """Every setting's value: from the config, else `PREFIX_NAME` in the environment, else default.

    An empty string stands for an absent setting, as orchestrators write it. Raises InvalidInputError.
    """
    values = {}
    for setting in table:
        variable = f"{prefix}_{setting.name.upper()}"
        sources = [("", config.get(setting.name)), (variable, environ.get(variable))]
        if setting.also_from:
            sources.append((setting.also_from, environ.get(setting.also_from)))
        values[setting.name] = setting.default
        for source, written in sources:
            if written is not None and written != "":
                values[setting.name] = _parsed(setting, written, source)
                break
    return values


def warn_of_unknown(
    table: Iterable[Setting], config: Mapping[str, Any], *, shared: Collection[str]
) -> None:
    """`shared` are settings of another command, which may stand in the same file."""
    known = {setting.name for setting in table}
    for name in sorted(config.keys() - known - set(shared)):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f". Did you mean `{near[0]}`?" if near else ""
        LOGGER.warning("setting `%s` is unknown: not used%s", name, hint)


def _parsed(setting: Setting, written: Any, source: str) -> Any:
    try:
        return setting.parse(written)
    except ValueError as error:
        where = f"environment variable {source}" if source else f"setting `{setting.name}`"
        shown = "" if setting.secret or not _harmless(written) else f", not {_short(written)}"
        raise InvalidInputError(
            f"{where} must be {error}{shown}. Correct it and start again."
        ) from None


def _harmless(value: Any) -> bool:
    """Whether a value is a number or one short word: all else may hold a URL, password or header."""
    return isinstance(value, (bool, int, float)) or (
        isinstance(value, str) and re.fullmatch(r"[\w.-]{1,20}", value) is not None
    )


def _short(value: Any) -> str:
    return str(orjson.dumps(value), "utf-8")


# Orchestrators may pass every value as a string, so each kind also reads its own spelling.


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def boolean(value: Any) -> bool:
    meaning = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in meaning:
        return meaning[value.strip().lower()]
    raise ValueError("true or false")


def integer(least: int, most: int | None = None) -> Callable[[Any], int]:
    bounds = f"a whole number of {least} or more" if most is None else f"{least} to {most}"

    def parse(value: Any) -> int:
        if isinstance(value, str) and re.fullmatch(r"-?\d+", value.strip()):
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise ValueError(bounds)
        if value < least or (most is not None and value > most):
            raise ValueError(bounds)
        return value

    return parse


def seconds(value: Any) -> float:
    expectation = "a number of seconds above 0"
    if isinstance(value, bool):
        raise ValueError(expectation)
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(expectation) from None
    if not 0 < number < float("inf"):
        raise ValueError(expectation)
    return number


def one_of(choices: Collection[str]) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(" or ".join(f'"{choice}"' for choice in choices))
        return str(value)

    return parse


def mapping(value: Any) -> dict[str, Any]:
    """An object, or its JSON in a string, as the environment holds it."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError("an object in JSON") from None
    if not isinstance(value, dict):
        raise ValueError("an object")
    return value
