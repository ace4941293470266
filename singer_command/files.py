"""The JSON files that a command is given."""

from pathlib import Path
from typing import Any

import orjson

from invoiced_api.failures import BadInput


def read_json(path: str | Path, what: str) -> Any:
    """The content of a JSON file. Raises BadInput, which names the file and its role."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise BadInput(
            f"{what} {path} cannot be read: {error.strerror}. Check its path and permissions."
        ) from None
    if not content.strip():
        raise BadInput(f"{what} {path} is empty. Write JSON into it, or leave it out.")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise BadInput(f"{what} {path} is not JSON: {error}. Correct it and start again.") from None


def read_config(path: str | None) -> dict[str, Any]:
    config = read_json(path, "config") if path else {}
    if not isinstance(config, dict):
        raise BadInput(f"config {path} must hold one JSON object with the settings.")
    return config
