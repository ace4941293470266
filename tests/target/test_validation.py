"""Records against their SCHEMA: errors name places and rules, never values."""

from decimal import Decimal

import pytest

from target_invoiced.singer.validation import Validator

HUSH = "hush-hush"


def problem(properties, record, **schema):
    return Validator({"type": "object", "properties": properties, **schema}).first_problem(record)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param({"type": "string"}, "a", id="string"),
        pytest.param({"type": ["null", "string"]}, None, id="null"),
        pytest.param({"type": "number"}, 1, id="integer-is-a-number"),
        pytest.param({}, HUSH, id="no-rule"),
        pytest.param({"type": "string", "format": "date-time"}, "2026-01-31", id="format"),
        pytest.param({"type": "integer"}, 3.0, id="3.0-is-an-integer"),
        pytest.param({"type": ["null", "integer"]}, Decimal(2**70), id="integer-of-70-bits"),
        pytest.param({"type": "number"}, Decimal("1.5"), id="decimal-is-a-number"),
        pytest.param({"multipleOf": 0.01}, Decimal("12345678901234567.89"), id="long-cents"),
        pytest.param({"multipleOf": 0.01}, 19.99, id="cents-of-a-double"),
        pytest.param({"multipleOf": 0.01}, 0.1, id="a-tenth"),
        pytest.param({"multipleOf": 0.01}, -4.35, id="negative-cents"),
        pytest.param({"multipleOf": 0.01}, 20, id="whole"),
        pytest.param({"multipleOf": 1e-38}, 123.45, id="the-38-digits-of-a-database"),
        pytest.param({"multipleOf": 0.01}, 1e300, id="huge"),
        pytest.param({"multipleOf": 0.01}, None, id="no-number-has-no-multiples"),
        pytest.param({"multipleOf": 0.01}, True, id="neither-has-true"),
    ],
)
def test_a_record_that_keeps_to_its_schema_has_no_problem(column, value):
    assert problem({"a": column}, {"a": value}) is None


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        pytest.param({"type": "integer"}, HUSH, "a must be of type integer", id="type"),
        pytest.param(
            {"type": ["null", "integer"]}, HUSH, "a must be of type null or integer", id="types"
        ),
        pytest.param({"type": "integer"}, 3.5, "a must be of type integer", id="fraction"),
        pytest.param({"type": "string"}, 3.0, "a must be of type string", id="number-as-text"),
        pytest.param(
            {"enum": ["b"]}, HUSH, "a breaks the rule `enum` of its SCHEMA", id="other-rule"
        ),
        pytest.param(
            {"maxLength": 3}, HUSH, "a breaks the rule `maxLength` of its SCHEMA", id="length"
        ),
        pytest.param(
            {"multipleOf": 0.01},
            19.999,
            "a breaks the rule `multipleOf` of its SCHEMA",
            id="part-of-a-cent",
        ),
        pytest.param(
            {"type": "object", "properties": {"b": {"type": "array", "items": {"type": "null"}}}},
            {"b": [None, HUSH]},
            "a.b[1] must be of type null",
            id="place-inside",
        ),
        pytest.param(
            {"type": "object", "required": ["b", "c"]},
            {"c": HUSH},
            "a lacks b",
            id="required-inside",
        ),
        pytest.param(
            {"anyOf": [{"type": "null"}, {"type": "integer"}]},
            HUSH,
            "a breaks the rule `anyOf` of its SCHEMA",
            id="any-of",
        ),
    ],
)
def test_a_problem_names_the_place_and_the_rule_and_no_value(column, value, said):
    assert problem({"a": column}, {"a": value}) == said


def test_a_reference_within_the_schema_is_followed():
    schema = {"definitions": {"b": {"type": "string"}}, "additionalProperties": False}
    assert problem({"a": {"$ref": "#/definitions/b"}}, {"a": "b"}, **schema) is None
    said = problem({"a": {"$ref": "#/definitions/b"}}, {"a": 1}, **schema)
    assert said == "a must be of type string"


@pytest.mark.parametrize("place", ["#/definitions/none", "file:///etc/hostname", "other.json"])
def test_a_reference_to_anywhere_else_is_a_problem_and_not_followed(place):
    said = problem({"a": {"$ref": place}}, {"a": HUSH})
    assert said == "its SCHEMA has a `$ref` to something outside it"


def test_a_missing_attribute_is_named():
    assert problem({}, {"b": HUSH}, required=["a", "b"]) == "the record lacks a"


def test_attributes_outside_the_schema_are_no_problem():
    assert problem({"a": {"type": "string"}}, {"a": "b", "c": 1}) is None


def test_an_attribute_outside_a_closed_schema_is_one():
    said = problem({}, {"c": HUSH}, additionalProperties=False)
    assert said == "the record breaks the rule `additionalProperties` of its SCHEMA"


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        pytest.param({"type": "text"}, "`type` breaks the rule `anyOf`", id="no-such-type"),
        pytest.param(
            {"properties": {"a": {"required": "yes"}}},
            "`properties.a.required` breaks the rule `type`",
            id="inside",
        ),
        pytest.param(
            {"properties": ["a"]}, "`properties` breaks the rule `type`", id="properties-are-a-list"
        ),
    ],
)
def test_a_schema_that_is_none_is_refused_by_place_and_rule(schema, said):
    with pytest.raises(ValueError) as caught:
        Validator(schema)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param({"$ref": "#"}, id="whole"),
        pytest.param({"properties": {"a": {"$ref": "#/properties/a"}}}, id="column"),
        pytest.param(
            {"definitions": {"a": {"$ref": "#/definitions/b"}, "b": {"$ref": "#/definitions/a"}}},
            id="two-in-a-circle",
        ),
        pytest.param(
            {"definitions": {"a": {"anyOf": [{"type": "null"}, {"$ref": "#/definitions/a"}]}}},
            id="any-of",
        ),
        pytest.param({"properties": {"a/b": {"$ref": "#/properties/a~1b"}}}, id="escaped"),
    ],
)
def test_a_ref_to_itself_is_one_clear_line(schema):
    with pytest.raises(ValueError, match=r"^its `\$ref` #\S* refers to itself$"):
        Validator(schema)


def test_a_ref_that_goes_into_the_value_may_come_back():
    tree = {"properties": {"child": {"$ref": "#"}, "n": {"type": "integer"}}}
    assert Validator(tree).first_problem({"n": 1, "child": {"n": 2}}) is None
    assert Validator(tree).first_problem({"child": {"n": "x"}}) == (
        "child.n must be of type integer"
    )


def test_a_record_too_deep_for_a_recursive_schema_is_a_problem_of_the_record():
    record = {}
    for _ in range(900):
        record = {"child": record}
    validator = Validator({"properties": {"child": {"$ref": "#"}}})
    assert validator.first_problem(record) == "it is nested too deeply for its SCHEMA"
