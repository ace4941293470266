"""The columns of every stream, as JSON Schema.

One file per stream; the parts that several objects share (line items, taxes, payment sources …)
are files of `shared/`, referred to with `$ref` and resolved before anyone sees the schema.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from singer.transform import resolve_schema_references

__all__ = ["load"]

FOLDER = Path(__file__).parent


def load(stream: str) -> dict[str, Any]:
    """The JSON schema of a stream, without any `$ref`; each call returns a copy of its own.

    Raises:
        FileNotFoundError: if there is no such stream.
    """
    schema = _read(FOLDER / f"{stream}.json")
    resolved: dict[str, Any] = resolve_schema_references(schema, _fragments())
    # Resolving shares one fragment between all its places; a caller may change any of them.
    return json.loads(json.dumps(resolved))  # type: ignore[no-any-return]


@cache
def _fragments() -> dict[str, Any]:
    return {f"shared/{file.name}": _read(file) for file in (FOLDER / "shared").glob("*.json")}


def _read(file: Path) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema
