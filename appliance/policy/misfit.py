"""What pydantic says about a value, in words that the catalogues have."""

from pydantic_core import ErrorDetails

from appliance.errors import N_, Said

_LONGEST = 300
_WORDS = {
    "greater_than": N_("Input should be greater than %(gt)s"),
    "greater_than_equal": N_("Input should be greater than or equal to %(ge)s"),
    "less_than": N_("Input should be less than %(lt)s"),
    "less_than_equal": N_("Input should be less than or equal to %(le)s"),
    "string_too_short": N_("it needs at least %(min_length)s characters"),
    "string_too_long": N_("it may have at most %(max_length)s characters"),
    "string_pattern_mismatch": N_("it does not fit the pattern %(pattern)s"),
    "too_short": N_("it needs at least %(min_length)s entries"),
    "too_long": N_("it may have at most %(max_length)s entries"),
    "literal_error": N_("Input should be %(expected)s"),
    "int_type": N_("Input should be an integer"),
    "int_parsing": N_("Input should be an integer"),
    "int_from_float": N_("Input should be an integer"),
    "float_type": N_("Input should be a number"),
    "float_parsing": N_("Input should be a number"),
    "bool_type": N_("Input should be true or false"),
    "bool_parsing": N_("Input should be true or false"),
    "string_type": N_("Input should be a text"),
    "tuple_type": N_("Input should be a list, as in [a, b]"),
    "list_type": N_("Input should be a list, as in [a, b]"),
    "model_type": N_("Input should be keys with their values"),
    "dict_type": N_("Input should be keys with their values"),
}


def misfit(error: ErrorDetails) -> Said:
    """What is wrong with one value."""
    context = error.get("ctx", {})
    if "'" in str(context.get("expected", "")):  # the remedy lists them
        return Said(N_("'%(given)s' is none of the values it may have"), given=str(error["input"])[:80])
    words = _WORDS.get(error["type"])
    if words is not None:
        return Said(words, **{name: str(value)[:_LONGEST] for name, value in context.items()})
    ours = context.get("error")  # what a validator of our own raised
    return Said(str(ours) if ours is not None else error["msg"][:_LONGEST])
