"""response_format: text, any JSON object, or a JSON Schema; the latter two as a grammar."""

import json
from typing import Annotated, Literal

from pydantic import Field

from appliance.errors import N_, InvalidInput
from appliance.grammar.rules import Rules
from appliance.grammar.schema import SchemaRefused, from_schema, json_object, value_rule
from appliance.http.api.bodies import Body, JsonObject, Text, dumped
from appliance.protocol.messages import Tools


class TextFormat(Body):
    type: Literal["text"]


class JsonObjectFormat(Body):
    type: Literal["json_object"]


class NamedSchema(Body):
    name: Annotated[Text, Field(max_length=128)] = ""
    description: Text | None = None
    schema_: JsonObject = Field(alias="schema")
    strict: bool | None = None


class JsonSchemaFormat(Body):
    type: Literal["json_schema"]
    json_schema: NamedSchema


Format = Annotated[TextFormat | JsonObjectFormat | JsonSchemaFormat, Field(discriminator="type")]


def grammar_of(wanted: TextFormat | JsonObjectFormat | JsonSchemaFormat | None) -> str:
    """The grammar an answer must obey, "" for none. Raises InvalidInput naming what cannot be enforced."""
    if isinstance(wanted, JsonSchemaFormat):
        return schema_grammar(wanted.json_schema.schema_, "response_format.json_schema.schema")
    return json_object() if isinstance(wanted, JsonObjectFormat) else ""


def schema_grammar(schema: JsonObject, field: str) -> str:
    """The grammar of one schema. Raises InvalidInput."""
    try:
        dumped(schema)
        return from_schema(schema)
    except (SchemaRefused, RecursionError, ValueError) as error:
        raise _refused(error, field) from None


def check_tools(tools: Tools, field: str) -> None:
    """Find out now if a tool's parameters cannot be made a grammar. Raises InvalidInput."""
    for number, tool in enumerate(tools.offered):
        if tool.parameters:
            try:
                value_rule(Rules(), json.loads(tool.parameters), strict=tool.strict)
            except (SchemaRefused, RecursionError) as error:
                raise _refused(error, field % number) from None


def _refused(error: Exception, field: str) -> InvalidInput:
    reason = str(error) if not isinstance(error, RecursionError) else "it is too deep"
    return InvalidInput(
        N_("This JSON Schema cannot be enforced: %(reason)s. Simplify it."), field=field, reason=reason
    )
