"""Reads the JSON files that a command is given."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson

from invoiced_api.exceptions import InvalidInputError
from invoiced_api.settings import Config


def is_url(place: str) -> bool:
    """Whether an argument that may be a file names a database: `postgresql://…`."""
    return "://" in place


def read_json(path: str | Path, what: str) -> Any:
    """The content of a JSON file in UTF-8, with or without a byte order mark, or UTF-16.

    Args:
        path: of the file.
        what: its role, for messages: `config`, `catalog` or `state`.

    Raises:
        InvalidInputError: if the file cannot be read, is empty, or is not JSON.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise InvalidInputError(
            f"{what} {path} cannot be read: {error.strerror}. Check its path and permissions."
        ) from None
    try:
        # Editors and PowerShell write UTF-16, or UTF-8 with a byte order mark.
        text = content.decode(json.detect_encoding(content))
    except UnicodeDecodeError:
        raise InvalidInputError(
            f"{what} {path} is not text in UTF-8 or UTF-16. Save it as UTF-8 and start again."
        ) from None
    if not text.strip():
        raise InvalidInputError(f"{what} {path} is empty. Write JSON into it, or leave it out.")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(
            f"{what} {path} is not JSON: {error}. Correct it and start again."
        ) from None


def read_config(paths: Iterable[str | Path]) -> Config:
    """The settings of all config files. Where several hold a setting, the last file counts.

    Raises:
        InvalidInputError: if a file cannot be read, or does not hold one JSON object.
    """
    paths = list(paths)
    config: dict[str, Any] = {}
    files: dict[str, str] = {}
    for path in paths:
        content = read_json(path, "config")
        if not isinstance(content, dict):
            raise InvalidInputError(
                f"config {path} must hold one JSON object with the settings. Correct it."
            )
        config |= content
        files |= dict.fromkeys(content, str(path))
    return Config(config, files if len(paths) > 1 else {})
