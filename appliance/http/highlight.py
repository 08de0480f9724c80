"""Source code as spans with token classes (Pygments' short names; colours are in the style sheet)."""

from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES, _TokenType

from appliance.http.nodes import Child, element

MAX_SOURCE = 20_000  # lexers are regular expressions; past this length the text stays plain
_LANGUAGES = (
    "bash c cpp c++ csharp c# css diff docker dockerfile go html http ini java javascript js json jsx kotlin "
    "lua makefile markdown md nginx perl php powershell properties py python r ruby rust scala sh shell sql "
    "swift toml ts tsx typescript vb xml yaml yml"
)
LANGUAGES = frozenset(_LANGUAGES.split())


def highlight(source: str, language: str) -> list[Child]:
    """The children of a code element; plain text for languages that are not on the list."""
    if language not in LANGUAGES or len(source) > MAX_SOURCE:
        return [source]
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    spans: list[Child] = []
    for kind, value in lexer.get_tokens(source):
        name = _class(kind)
        if name:
            spans.append(element("span", [value], class_=name))
        elif spans and isinstance(spans[-1], str):
            spans[-1] += value
        else:
            spans.append(value)
    return spans


def _class(kind: _TokenType) -> str:
    while kind not in STANDARD_TYPES and kind.parent is not None:
        kind = kind.parent
    name = STANDARD_TYPES[kind]
    return "" if name in ("w", "n", "p") else name
