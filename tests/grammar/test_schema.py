from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.grammar import numbers
from appliance.grammar.rules import Rules, TooLarge, either, quote, repeat
from appliance.grammar.schema import MAX_DEPTH, SchemaRefused, from_schema, value_rule
from tests.grammar.reader import matches

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 5},
        "age": {"type": "integer", "minimum": 0, "maximum": 120},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "minItems": 1, "maxItems": 2},
        "note": {"type": ["string", "null"]},
    },
    "required": ["name", "age"],
}


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        (PERSON, '{"name": "Bob", "age": 42}', '{"name": "Bob"}'),
        (PERSON, '{"name":"밥","age":120,"tags":["a","b"],"note":null}', '{"name":"밥","age":121}'),
        (PERSON, '{"name": "B", "age": 0, "note": "x"}', '{"name": "Bobby!", "age": 0}'),
        (PERSON, '{"name": "B", "age": 0, "tags": ["b"]}', '{"name": "B", "age": 0, "tags": []}'),
        (PERSON, '{"name": "B", "age": 7}', '{"name": "B", "age": 7, "other": 1}'),
        ({"const": 'a"b\\c\n'}, '"a\\"b\\\\c\\n"', '"a"'),
        ({"enum": [1, "x", None, {"a": [True]}]}, '{"a":[true]}', "2"),
        ({"anyOf": [{"type": "integer"}, {"type": "boolean"}]}, "-12", '"12"'),
        ({"type": "number", "minimum": 0, "maximum": 1}, "0.25", "1.5"),
        ({"type": "number", "minimum": -2}, "-1.5", "-3"),
        ({"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 3}, "2", "3"),
        ({"type": "string", "format": "date"}, '"2026-11-24"', '"2026-13-24"'),
        ({"type": "string", "format": "date-time"}, '"2026-11-24T09:00:00Z"', '"2026-11-24"'),
        ({"type": "string", "minLength": 2}, '"ab"', '"a"'),
        ({"type": "string"}, '"\\u00e9 \\ud7ff"', '"\\ud800"'),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "null"}]}, "[1, null]", "[1]"),
        ({"type": "array", "maxItems": 0}, "[]", "[1]"),
        ({"type": "object", "additionalProperties": {"type": "integer"}}, '{"x": 1, "y": 2}', '{"x": "1"}'),
        (
            {"type": "object", "properties": {"ab": {"type": "null"}}, "additionalProperties": True},
            '{"ab": null, "a": 1, "abc": [2]}',
            '{"ab": 1}',
        ),
        (
            {"allOf": [{"properties": {"a": {"type": "null"}}}, {"$ref": "#/$defs/b"}],
             "type": "object", "$defs": {"b": {"properties": {"b": {"type": "null"}}, "required": ["b"]}}},
            '{"a": null, "b": null}',
            '{"a": null}',
        ),
        (
            {"$defs": {"n": {"type": "object", "properties": {"next": {"anyOf": [{"$ref": "#/$defs/n"},
             {"type": "null"}]}}, "required": ["next"]}}, "$ref": "#/$defs/n"},
            '{"next": {"next": null}}',
            '{"next": {}}',
        ),
        ({}, '{"any": [1, "thing", null]}', "{,}"),
    ],
)  # fmt: skip
def test_a_grammar_takes_what_its_schema_takes_and_nothing_else(
    schema: dict[str, Any], good: str, bad: str
) -> None:
    grammar = from_schema(schema)
    assert matches(grammar, good)
    assert not matches(grammar, bad)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"},
        {"$ref": "#/$defs/none"},
        {"$ref": "https://example.com/schema"},
        {"type": "string", "pattern": "a+"},
        {"type": "number", "multipleOf": 2},
        {"not": {"type": "string"}},
        {"type": "wizard"},
        {"type": "integer", "minimum": 3, "maximum": 2},
        {"type": "integer", "minimum": 10**20},
        {"type": "array", "minItems": 10**9},
        {"type": "string", "minLength": 5, "maxLength": 1},
        {"enum": []},
        {"enum": [str(number) for number in range(5000)]},
        {"type": "object", "properties": {str(number): {"minLength": number} for number in range(6000)}},
        {"properties": []},
        {"allOf": [{"type": "string"}, {"type": "integer"}]},
        [],
        "string",
    ],
)
def test_what_cannot_be_enforced_is_refused(schema: Any) -> None:
    with pytest.raises(SchemaRefused):
        from_schema(schema)


def test_a_deep_schema_is_refused_in_time() -> None:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(MAX_DEPTH + 1):
        schema = {"type": "array", "items": schema}
    with pytest.raises(SchemaRefused, match="deep"):
        from_schema(schema)


def test_references_that_multiply_cost_no_more_than_they_say() -> None:
    doubled: dict[str, Any] = {"d0": {"type": "string"}}
    for number in range(1, 30):
        both = {side: {"$ref": f"#/$defs/d{number - 1}"} for side in "ab"}
        doubled[f"d{number}"] = {"type": "object", "properties": both}
    assert len(from_schema({"$defs": doubled, "$ref": "#/$defs/d29"})) < 20_000


def test_tools_that_are_not_strict_keep_keywords_as_advice() -> None:
    rules = Rules()
    name = value_rule(rules, {"type": "string", "pattern": "a+", "format": "uri"}, strict=False)
    assert matches(rules.text(name), '"anything"')


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 4000))
def test_digits_between_two_bounds(low: int, span: int, value: int) -> None:
    high = low + span
    grammar = f"root ::= {numbers.naturals(low, high)}"
    assert matches(grammar, str(value)) == (low <= value <= high)


@given(st.integers(-99, 99), st.integers(0, 150), st.integers(-300, 300))
def test_whole_numbers_between_two_bounds(low: int, span: int, value: int) -> None:
    assert matches(f"root ::= {numbers.integers(low, low + span)}", str(value)) == (
        low <= value <= low + span
    )


@given(st.text(max_size=20))
def test_any_text_can_be_quoted(text: str) -> None:
    assert matches(f"root ::= {quote(text)}", text)


def test_either_of_two_grammars() -> None:
    one, other = Rules("r"), Rules("c")
    both = either(one.text(one.add('"x"')), other.text(other.add('"y"')))
    assert [matches(both, text) for text in "xyz"] == [True, True, False]


def test_repeats_have_a_bound() -> None:
    assert [repeat(0, None), repeat(1, None), repeat(0, 1), repeat(1, 1), repeat(2, 3)] == [
        "*", "+", "?", "", "{2,3}"
    ]  # fmt: skip
    with pytest.raises(TooLarge):
        repeat(0, 10**6)
