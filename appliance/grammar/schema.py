"""JSON Schema to GBNF, with bounded work: whatever the schema, it is converted or refused.

Supported: type, enum, const, properties, required, additionalProperties, items, prefixItems,
minItems, maxItems, minLength, maxLength, minimum and maximum (and the exclusive ones) of integers,
whole minimum and maximum of numbers, format date, time, date-time and uuid, anyOf, oneOf,
allOf of objects, $ref into the same document (recursive too). Objects are closed unless
additionalProperties opens them; properties come in the schema's order. A keyword that would
constrain the answer and is not in this list is refused by name, never half obeyed; in tools that
are not `strict`, where the schema is advice to the model, it is left to the model.
"""

import json
from typing import Any

from appliance.grammar import numbers
from appliance.grammar.objects import Property, object_body
from appliance.grammar.rules import Rules, TooLarge, quote, repeat

MAX_DEPTH = 64
MAX_NODES = 5_000
MAX_ENUM = 2_000
MAX_PATH = 100
MAX_BOUND = 10**15 - 1

ANNOTATIONS = frozenset(
    {
        *("$schema", "$id", "$comment", "$defs", "definitions", "title", "description", "default"),
        *("examples", "example", "deprecated", "readOnly", "writeOnly", "discriminator", "nullable"),
        *("contentMediaType", "contentEncoding", "strict"),
    }
)
_BY_TYPE = {
    "object": frozenset({"properties", "required", "additionalProperties"}),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "string": frozenset({"minLength", "maxLength", "format"}),
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "number": frozenset({"minimum", "maximum"}),
    "boolean": frozenset[str](),
    "null": frozenset[str](),
}
_DATE = '[0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01])'
_TIME = (
    '([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9] ":" [0-5] [0-9] ("." [0-9]{1,6})? '
    '("Z" | [-+] ([01] [0-9] | "2" [0-3]) ":" [0-5] [0-9])'
)
_HEX = "[0-9a-f]"
FORMATS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f'{_DATE} "T" {_TIME}',
    "uuid": f'{_HEX}{{8}} "-" {_HEX}{{4}} "-" {_HEX}{{4}} "-" {_HEX}{{4}} "-" {_HEX}{{12}}',
}


class SchemaRefused(Exception):
    """This schema cannot be enforced: where, and which keyword or limit."""

    def __init__(self, path: str, reason: str) -> None:
        path = path if len(path) <= MAX_PATH else f"...{path[-MAX_PATH:]}"
        super().__init__(f"{path}: {reason}" if path else reason)


def json_object() -> str:
    """Any JSON object."""
    rules = Rules()
    return rules.text(rules.base("object"))


def from_schema(schema: object) -> str:
    """The grammar of the JSON values that `schema` permits. Raises SchemaRefused."""
    rules = Rules()
    return rules.text(value_rule(rules, schema, strict=True))


def value_rule(rules: Rules, schema: object, *, strict: bool) -> str:
    """Add the rules for a schema to a larger grammar; the name of its rule. Raises SchemaRefused."""
    try:
        converter = _Converter(rules, schema, strict=strict)
        name = converter.rule(schema, "", 0, "")
        converter.check_references()
    except TooLarge:
        raise SchemaRefused("", "it is too large") from None
    return name


class _Converter:
    """One schema document. `_within`: which references each one reaches before any bracket."""

    def __init__(self, rules: Rules, document: object, *, strict: bool) -> None:
        self._rules = rules
        self._document = document
        self._strict = strict
        self._refs: dict[str, str] = {}
        self._within: dict[str, set[str]] = {}
        self._nodes = 0

    def rule(self, schema: object, path: str, depth: int, owner: str) -> str:
        """The rule of one subschema. `owner`: the last reference followed since a bracket, or ""."""
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > MAX_NODES:
            raise SchemaRefused(path, "it is too deep" if depth > MAX_DEPTH else "it is too large")
        if schema is True or schema == {}:
            return self._rules.base("value")
        if not isinstance(schema, dict):
            raise SchemaRefused(path, "a schema is an object")
        if "$ref" in schema:
            return self._reference(schema["$ref"], path, depth, owner)
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self._choice(schema, word, path, depth, owner)
        if "allOf" in schema:
            return self.rule(self._merged(schema, path), path, depth + 1, owner)
        if "const" in schema or "enum" in schema:
            return self._literals([schema["const"]] if "const" in schema else schema["enum"], path)
        return self._typed(schema, path, depth, owner)

    def check_references(self) -> None:
        """A reference that leads to itself before any bracket describes nothing. Raises SchemaRefused."""
        for start in self._within:
            seen: set[str] = set()
            waiting = list(self._within[start])
            while waiting:
                if (reached := waiting.pop()) == start:
                    raise SchemaRefused(start, "the reference leads back to itself")
                if reached not in seen:
                    seen.add(reached)
                    waiting += self._within.get(reached, ())

    def _reference(self, pointer: object, path: str, depth: int, owner: str) -> str:
        if not isinstance(pointer, str) or not (pointer == "#" or pointer.startswith("#/")):
            raise SchemaRefused(path, "$ref must point into the same document")
        if owner:
            self._within.setdefault(owner, set()).add(pointer)
        if pointer not in self._refs:
            name = self._refs[pointer] = self._rules.fresh()
            self._rules.put(name, self.rule(self._resolve(pointer, path), path, depth + 1, pointer))
        return self._refs[pointer]

    def _resolve(self, pointer: str, path: str) -> object:
        found = self._document
        for step in pointer.split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if not isinstance(found, dict) or key not in found:
                raise SchemaRefused(path, "$ref points nowhere")
            found = found[key]
        return found

    def _choice(self, schema: dict[str, Any], word: str, path: str, depth: int, owner: str) -> str:
        options = schema[word]
        if not isinstance(options, list) or not options:
            raise SchemaRefused(path, f"{word} is a list of schemas")
        base = {key: value for key, value in schema.items() if key != word and key not in ANNOTATIONS}
        names = [
            self.rule(
                self._joined(base, option, path) if base else option, f"{path}/{word}", depth + 1, owner
            )
            for option in options
        ]
        return self._rules.add(" | ".join(dict.fromkeys(names)))

    def _merged(self, schema: dict[str, Any], path: str) -> dict[str, Any]:
        parts = schema["allOf"]
        if not isinstance(parts, list) or not parts:
            raise SchemaRefused(path, "allOf is a list of schemas")
        whole = {key: value for key, value in schema.items() if key != "allOf"}
        for part in parts:
            whole = self._joined(whole, part, path)
        return whole

    def _joined(self, base: dict[str, Any], other: object, path: str, hops: int = 8) -> dict[str, Any]:
        """Both schemas as one; properties come together, other keywords must not contradict."""
        while isinstance(other, dict) and "$ref" in other and hops:
            hops -= 1
            rest = {key: value for key, value in other.items() if key != "$ref"}
            target = self._resolve(str(other["$ref"]), path)
            other = {**target, **rest} if isinstance(target, dict) else target
        if not isinstance(other, dict) or "$ref" in other:
            raise SchemaRefused(path, "these schemas cannot be combined")
        self._nodes += 1
        joined = dict(base)
        for key, value in other.items():
            mine = joined.get(key)
            if key == "properties" and isinstance(mine, dict) and isinstance(value, dict):
                joined[key] = {**mine, **value}
            elif key == "required" and isinstance(mine, list) and isinstance(value, list):
                joined[key] = [*mine, *value]
            elif key in joined and key not in ANNOTATIONS and mine != value:
                raise SchemaRefused(path, "these schemas cannot be combined")
            else:
                joined[key] = value
        return joined

    def _literals(self, values: object, path: str) -> str:
        if not isinstance(values, list) or not 0 < len(values) <= MAX_ENUM:
            raise SchemaRefused(path, "enum is a list of values")
        texts = (json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values)
        return self._rules.add(" | ".join(map(quote, dict.fromkeys(texts))))

    def _typed(self, schema: dict[str, Any], path: str, depth: int, owner: str) -> str:
        kind = schema.get("type", _implied(schema))
        if isinstance(kind, list):
            if not kind:
                raise SchemaRefused(path, "type names no type")
            return self._types(schema, kind, path, depth, owner)
        if kind not in _BY_TYPE:
            raise SchemaRefused(path, "unknown type" if kind else "it says nothing about the type")
        if self._strict:
            unknown = sorted(schema.keys() - _BY_TYPE[kind] - ANNOTATIONS - {"type"})
            if unknown:
                raise SchemaRefused(path, f"'{unknown[0]}' cannot be enforced")
        return self._one_type(kind, schema, path, depth)

    def _types(self, schema: dict[str, Any], kinds: list[Any], path: str, depth: int, owner: str) -> str:
        names = []
        for kind in kinds:
            others = {word for name, words in _BY_TYPE.items() if name != kind for word in words}
            mine = others - _BY_TYPE.get(kind, frozenset()) if isinstance(kind, str) else set()
            one = {key: value for key, value in schema.items() if key not in mine}
            names.append(self.rule({**one, "type": kind}, path, depth + 1, owner))
        return self._rules.add(" | ".join(names))

    def _one_type(self, kind: str, schema: dict[str, Any], path: str, depth: int) -> str:
        if kind == "object":
            return self._object(schema, path, depth)
        if kind == "array":
            return self._array(schema, path, depth)
        if kind == "string":
            return self._string(schema, path)
        if kind in ("integer", "number"):
            return self._number(kind, schema, path)
        return self._rules.base(kind)

    def _object(self, schema: dict[str, Any], path: str, depth: int) -> str:
        known = schema.get("properties", {})
        required = schema.get("required", [])
        extra = schema.get("additionalProperties", not known and not required)
        if not isinstance(known, dict) or not isinstance(required, list):
            raise SchemaRefused(path, "properties is an object and required a list")
        if extra is not False and not known and extra is True and not required:
            return self._rules.base("object")
        missing = [name for name in required if isinstance(name, str) and name not in known]
        members = [
            Property(name, self.rule(sub, f"{path}/properties/{name}", depth + 1, ""), name in required)
            for name, sub in [*known.items(), *((name, True) for name in missing)]
        ]
        rest = ""
        if extra is not False:
            rest = self.rule(extra, f"{path}/additionalProperties", depth + 1, "")
        self._rules.base("ws")
        return self._rules.add(object_body(self._rules, members, rest))

    def _array(self, schema: dict[str, Any], path: str, depth: int) -> str:
        self._rules.base("ws")
        least, most = _count(schema, "minItems", path) or 0, _count(schema, "maxItems", path)
        first = schema.get("prefixItems", [])
        if not isinstance(first, list) or (most is not None and most < least):
            raise SchemaRefused(path, "its items contradict each other")
        if first:
            names = [self.rule(sub, f"{path}/prefixItems", depth + 1, "") for sub in first]
            return self._rules.add('"[" ws ' + ' ws "," ws '.join(names) + ' ws "]"')
        if most == 0:
            return self._rules.add('"[" ws "]"')
        item = self.rule(schema.get("items", True), f"{path}/items", depth + 1, "")
        more = f'("," ws {item} ws){repeat(max(0, least - 1), None if most is None else most - 1)}'
        items = f"{item} ws {more}"
        return self._rules.add(f'"[" ws {items if least else f"({items})?"} "]"')

    def _string(self, schema: dict[str, Any], path: str) -> str:
        form = schema.get("format")
        if form in FORMATS:
            return self._rules.add(f'"\\"" {FORMATS[str(form)]} "\\""')
        if form is not None and self._strict and not isinstance(form, str):
            raise SchemaRefused(path, "format is a name")
        least, most = _count(schema, "minLength", path), _count(schema, "maxLength", path)
        if least is None and most is None:
            return self._rules.base("string")
        if most is not None and most < (least or 0):
            raise SchemaRefused(path, "its lengths contradict each other")
        return self._rules.add(f'"\\"" {self._rules.base("char")}{repeat(least or 0, most)} "\\""')

    def _number(self, kind: str, schema: dict[str, Any], path: str) -> str:
        low, high = _bound(schema, "minimum", path), _bound(schema, "maximum", path)
        if kind == "integer":
            above, below = _bound(schema, "exclusiveMinimum", path), _bound(schema, "exclusiveMaximum", path)
            low = max(
                (value for value in (low, None if above is None else above + 1) if value is not None),
                default=None,
            )
            high = min(
                (value for value in (high, None if below is None else below - 1) if value is not None),
                default=None,
            )
        if low is None and high is None:
            return self._rules.base(kind)
        self._rules.base("fraction")
        try:
            return self._rules.add(
                numbers.integers(low, high) if kind == "integer" else numbers.numbers(low, high)
            )
        except numbers.Unbounded:
            raise SchemaRefused(path, "no number lies between its bounds") from None


def _implied(schema: dict[str, Any]) -> str | None:
    """The type that the keywords of a schema without one speak of."""
    return next((kind for kind, words in _BY_TYPE.items() if words & schema.keys()), None)


def _count(schema: dict[str, Any], key: str, path: str) -> int | None:
    value = schema.get(key)
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise SchemaRefused(path, f"{key} is a number from 0")
    return value


def _bound(schema: dict[str, Any], key: str, path: str) -> int | None:
    value = schema.get(key)
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or value != value // 1
        or abs(value) > MAX_BOUND
    ):
        raise SchemaRefused(path, f"{key} must be a whole number of at most 15 digits")
    return int(value)
