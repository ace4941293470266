"""What the tests of the tap share."""

from collections.abc import Callable
from typing import Any

import jsonschema_rs
import pytest


@pytest.fixture(scope="session")
def strict_validator() -> Callable[[dict[str, Any]], Any]:
    """Makes a validator of a schema, with formats, that allows nothing the schema does not name."""

    def closed(schema: dict[str, Any]) -> dict[str, Any]:
        schema = dict(schema)
        if "properties" in schema:
            schema["additionalProperties"] = False
            schema["properties"] = {n: closed(one) for n, one in schema["properties"].items()}
        if "items" in schema:
            schema["items"] = closed(schema["items"])
        return schema

    return lambda schema: jsonschema_rs.Draft4Validator(closed(schema), validate_formats=True)
