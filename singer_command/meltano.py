"""A plugin's definition in YAML, for Meltano.

Meltano Hub publishes such definitions, `meltano add --from-ref` reads them, and the `plugins` of a
project's meltano.yml have the same form.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from invoiced_api.settings import Setting

# The capabilities that Meltano has a word for, of those that a tap or a target of ours may have.
CAPABILITIES = ("about", "catalog", "discover", "properties", "state", "structured-logging")

KINDS = {
    "boolean": "boolean",
    "seconds": "integer",  # Meltano cannot read a decimal from the environment
    "date or date-time": "date_iso8601",
    "object": "object",
    "list of names": "array",
    "file": "file",
}

_PLAIN = re.compile(r"[A-Za-z][\w+/-]*(?: [\w+/-]+)*")
_NOT_STRINGS = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"}


def definition(
    name: str, description: str, table: Iterable[Setting], capabilities: Iterable[str]
) -> str:
    """The definition of a plugin in YAML.

    Args:
        name: of the command.
        description: one sentence.
        table: its settings. Those that are secret and no default become passwords.
        capabilities: what it can do; those that Meltano does not name are left out.
    """
    table = list(table)
    facts: dict[str, Any] = {
        "name": name,
        "namespace": name.replace("-", "_"),
        "variant": "singer-invoiced",
        "label": "Invoiced",
        "description": description,
        "domain_url": "https://www.invoiced.com",
        "keywords": ["api", "billing", "accounts receivable"],
        "maintenance_status": "active",
        "quality": "unknown",
        "pip_url": "singer-invoiced",
        "executable": name,
        "supported_python_versions": ["3.10", "3.11", "3.12", "3.13"],
        "capabilities": [one for one in CAPABILITIES if one in set(capabilities)],
        "settings_group_validation": [["api_key"], ["access_token"]],
        "settings": [_setting(setting) for setting in table],
    }
    return "\n".join(_yaml(facts))


def _setting(setting: Setting) -> dict[str, Any]:
    """A default is left out where it changes with the version, lest a project keep an old one."""
    choices = re.findall(r'"(\w+)"', setting.kind)
    if setting.secret:
        kind = "password"
    elif choices:
        kind = "options"
    elif re.fullmatch(r"-?\d+(-\d+| or more)", setting.kind):
        kind = "integer"
    else:
        kind = KINDS.get(setting.kind, "string")
    shown: dict[str, Any] = {
        "name": setting.name,
        "label": setting.name.replace("_", " ").capitalize(),
        "kind": kind,
    }
    if setting.secret:
        shown["sensitive"] = True
    if choices:
        shown["options"] = [{"label": one, "value": one} for one in choices]
    if isinstance(setting.default, bool | int | float) or setting.default in choices:
        shown["value"] = setting.default
    return shown | {"description": setting.help}


def _yaml(value: Any, indent: str = "") -> Iterator[str]:
    """Lines of YAML: mappings and lists in blocks, lists of scalars in one line."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if _in_one_line(inner):
                yield f"{indent}{key}: {_scalar(inner)}"
            else:
                yield f"{indent}{key}:"
                yield from _yaml(inner, indent)
    else:
        for inner in value:
            first, *rest = _yaml(inner, f"{indent}  ")
            yield f"{indent}- {first.lstrip()}"
            yield from rest


def _in_one_line(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(one, Mapping) for one in value)
    return not isinstance(value, Mapping)


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_scalar, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _NOT_STRINGS:
        return value
    return orjson.dumps(value).decode()  # what is JSON is YAML
