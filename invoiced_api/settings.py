"""Parses settings once, from the config or the environment, into values that can be trusted."""

import difflib
import logging
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from invoiced_api.exceptions import InvalidInputError

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting: a row of the tables of settings, and of the documentation.

    Attributes:
        name: in the config; the environment has it in capitals behind a prefix.
        kind: what it holds, for the documentation.
        parse: makes its value of what the file or the environment holds. Raises ValueError with
            words that complete "setting `x` must be …".
        default: its value if it is not set.
        secret: whether no message may show its value.
        help: one sentence for the documentation.
        also_from: another environment variable that may hold it.
    """

    name: str
    kind: str
    parse: Callable[[Any], Any]
    default: Any = None
    secret: bool = False
    help: str = ""
    also_from: str | None = None


class Config(dict[str, Any]):
    """The settings of one or several config files.

    Attributes:
        files: the path of the file that holds each setting, by name; empty for a single file.
    """

    def __init__(self, settings: Mapping[str, Any], files: Mapping[str, str]) -> None:
        super().__init__(settings)
        self.files = files


def source(config: Mapping[str, Any], name: str) -> str:
    """A setting of a config for a message, with its file if there are several.

    Example:
        >>> source(Config({"sandbox": 1}, {"sandbox": "b.json"}), "sandbox")
        'setting `sandbox` in b.json'
    """
    file = config.files.get(name) if isinstance(config, Config) else None
    return f"setting `{name}` in {file}" if file else f"setting `{name}`"


def read_settings(
    table: Iterable[Setting], config: Mapping[str, Any], prefix: str, environ: Mapping[str, str]
) -> dict[str, Any]:
    """The value of every setting: from the config, else from the environment, else its default.

    An empty string counts as not set, since orchestrators write it so.

    Args:
        table: the settings.
        config: what the config file holds.
        prefix: of environment variables: `PREFIX_NAME`.
        environ: environment variables.

    Raises:
        InvalidInputError: if a value cannot be used. The message names the setting or variable.
    """
    values = {}
    for setting in table:
        variable = f"{prefix}_{setting.name.upper()}"
        sources = [(source(config, setting.name), config.get(setting.name))]
        for name in (variable, setting.also_from):
            if name:
                sources.append((f"environment variable {name}", environ.get(name)))
        values[setting.name] = setting.default
        for where, written in sources:
            if written is not None and written != "":
                values[setting.name] = _parsed(setting, written, where)
                break
    return values


def warn_of_unknown(
    table: Iterable[Setting],
    config: Mapping[str, Any],
    prefix: str,
    environ: Mapping[str, str],
    *,
    shared: Collection[str],
) -> None:
    """Log a warning for each entry of a config, and each variable, that is no setting.

    Args:
        table: the settings.
        config: what the config file holds.
        prefix: of environment variables: `PREFIX_NAME`.
        environ: environment variables.
        shared: names of settings of another command, which may be in the same file.
    """
    known = {setting.name for setting in table}
    for name in sorted(config.keys() - known - set(shared)):
        near = difflib.get_close_matches(name, known, n=1)
        hint = f". Did you mean `{near[0]}`?" if near else ""
        LOGGER.warning("ignoring unknown %s%s", source(config, name), hint)
    variables = {f"{prefix}_{name.upper()}" for name in known}
    for variable in sorted(_unknown_variables(variables, prefix, environ)):
        near = difflib.get_close_matches(variable.upper(), variables, n=1, cutoff=0.75)
        hint = f". Did you mean {near[0]}?" if near else ""
        LOGGER.warning("ignoring environment variable %s, which sets nothing%s", variable, hint)


def _unknown_variables(
    variables: Collection[str], prefix: str, environ: Mapping[str, str]
) -> Iterator[str]:
    """The variables that begin like those of settings, in any case, and set none.

    Meltano sets two kinds of others: with two underscores, such as TAP_INVOICED__SELECT, and the
    same value twice for a plugin that inherits: TAP_INVOICED_ACME_API_KEY, TAP_INVOICED_API_KEY.
    """
    for variable in environ.keys() - variables:
        name = variable.upper()
        if not name.startswith(f"{prefix}_") or name.startswith(f"{prefix}__"):
            continue
        same = (one for one in variables if environ.get(one) == environ[variable])
        twice = any(name.endswith(one.removeprefix(prefix)) for one in same)
        if environ[variable] and not twice:
            yield variable


def _parsed(setting: Setting, written: Any, where: str) -> Any:
    try:
        return setting.parse(written)
    except ValueError as error:
        shown = "" if setting.secret or not _harmless(written) else f", not {_short(written)}"
        raise InvalidInputError(
            f"{where} must be {error}{shown}. Correct it and start again."
        ) from None


def _harmless(value: Any) -> bool:
    """Whether a value is a number or one short word, and so no URL, password or header."""
    return isinstance(value, (bool, int, float)) or (
        isinstance(value, str) and re.fullmatch(r"[\w.-]{1,20}", value) is not None
    )


def _short(value: Any) -> str:
    return str(orjson.dumps(value), "utf-8")


# Orchestrators may pass every value as a string, so each kind also reads its own spelling.


def text(value: Any) -> str:
    """A string. Raises ValueError for any other value."""
    if not isinstance(value, str):
        raise ValueError("a string")
    return value


def boolean(value: Any) -> bool:
    """A boolean, also as "true" or "false" in any case. Raises ValueError for any other value."""
    meaning = {"true": True, "false": False}
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.strip().lower() in meaning:
        return meaning[value.strip().lower()]
    raise ValueError("true or false")


def integer(least: int, most: int | None = None) -> Callable[[Any], int]:
    """A parser of whole numbers within bounds, both included. It raises ValueError beyond them."""
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
    """A finite number above 0, also as a string. Raises ValueError for any other value."""
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
    """A parser that accepts these strings only. It raises ValueError for any other value."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(" or ".join(f'"{choice}"' for choice in choices))
        return str(value)

    return parse


def mapping(value: Any) -> dict[str, Any]:
    """An object, or a string with its JSON. Raises ValueError for any other value."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except orjson.JSONDecodeError:
            raise ValueError("an object in JSON") from None
    if not isinstance(value, dict):
        raise ValueError("an object")
    return value
