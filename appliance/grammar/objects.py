"""The members of a JSON object in their order: required ones, optional ones, any others."""

from collections.abc import Sequence
from dataclasses import dataclass

from appliance.grammar.rules import Rules, in_class, json_text, quote


@dataclass(frozen=True, slots=True)
class Property:
    """A member: its name, the rule of its value, whether it must be there."""

    name: str
    rule: str
    required: bool


def object_body(rules: Rules, members: Sequence[Property], others: str) -> str:
    """The body of an object's rule. `others`: the rule for values under any other name, or ""."""
    for name in ("ws", "char"):
        rules.base(name)
    tail = ""
    if others:
        more = rules.add(f'{_other_key(rules, members)} ws ":" ws {others} ws')
        tail = f'("," ws {more})*'
        alone = f"({more} {tail})?"
    else:
        alone = ""
    rest, first = tail, alone
    for member in reversed(members):
        pair = rules.add(f'{quote(json_text(member.name))} ws ":" ws {member.rule} ws')
        start = f"{pair} {rest}"
        if member.required:
            rest, first = f'"," ws {pair} {rest}', start
        else:
            rest = rules.add(rest) if len(rest) > 40 else rest
            first = rules.add(f"{pair} {rest} | {first}" if first else f"({pair} {rest})?")
            rest = f'("," ws {pair})? {rest}'
    return f'"{{" ws {first} "}}"'


def _other_key(rules: Rules, members: Sequence[Property]) -> str:
    """The rule for a name in quotes that is none of the members'."""
    if not members:
        return rules.base("string")
    trie: dict[str, dict] = {}  # type: ignore[type-arg]  # as deep as the names are long
    for member in members:
        node = trie
        for letter in json_text(member.name)[1:-1]:
            node = node.setdefault(letter, {})
        node[""] = {}
    return rules.add(f'"\\"" {_not_in(rules, trie, at_start=True)} "\\""')


def _not_in(rules: Rules, trie: dict[str, dict], *, at_start: bool) -> str:  # type: ignore[type-arg]
    """What may follow here so that the name is not one of the trie's."""
    letters = [letter for letter in trie if letter]
    strange = "".join(map(in_class, letters))
    ways = [f'[^"\\\\{strange}\\x7F\\x00-\\x1F] char*']
    ways += [f"{quote(letter)} {_not_in(rules, trie[letter], at_start=False)}" for letter in letters]
    if "" not in trie and not at_start:
        return rules.add(f"({' | '.join(ways)})?")
    return rules.add(" | ".join(ways))
