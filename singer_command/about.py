"""Shows what a command can do and how to set it: JSON, Markdown, or a definition for Meltano."""

from collections.abc import Iterable
from typing import Any

import orjson

from invoiced_api.settings import Setting
from invoiced_api.version import VERSION
from singer_command.meltano import definition

FORMATS = ("json", "markdown", "meltano")


def about(
    name: str,
    description: str,
    table: Iterable[Setting],
    capabilities: Iterable[str],
    resources: Iterable[str],
    form: str,
) -> str:
    """The description of a command, which `--about` prints.

    Args:
        name: of the command.
        description: one sentence.
        table: its settings.
        capabilities: what it can do, in Singer's and Meltano's words.
        resources: names of the streams or endpoints.
        form: one of `FORMATS`.
    """
    table = tuple(table)
    if form == "meltano":
        return definition(name, description, table, capabilities)
    facts: dict[str, Any] = {
        "name": name,
        "version": VERSION,
        "description": description,
        "capabilities": list(capabilities),
        "resources": list(resources),
        "settings": [_setting(setting) for setting in table],
    }
    if form == "json":
        return orjson.dumps(facts, option=orjson.OPT_INDENT_2).decode()
    return _markdown(facts)


def _setting(setting: Setting) -> dict[str, Any]:
    default = sorted(setting.default) if isinstance(setting.default, frozenset) else setting.default
    return {
        "name": setting.name,
        "kind": setting.kind,
        "secret": setting.secret,
        "default": default,
        "description": setting.help,
    }


def _markdown(facts: dict[str, Any]) -> str:
    rows = [
        f"| `{one['name']}` | {one['kind']}{', secret' if one['secret'] else ''} "
        f"| {'' if one['default'] is None else orjson.dumps(one['default']).decode()} "
        f"| {one['description']} |"
        for one in facts["settings"]
    ]
    return "\n".join(
        [
            f"# {facts['name']} {facts['version']}",
            "",
            facts["description"],
            "",
            f"Capabilities: {', '.join(facts['capabilities'])}.",
            "",
            f"Resources: {', '.join(facts['resources'])}.",
            "",
            "| setting | kind | default | |",
            "| --- | --- | --- | --- |",
            *rows,
        ]
    )
