"""A conversation's title, derived from its first message without asking the model."""

MAX_CHARACTERS = 60


def title_from(text: str) -> str:
    """The first line that says something, shortened at a word if it is long."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = " ".join("".join(char if char.isprintable() else " " for char in line).split())
    if len(line) <= MAX_CHARACTERS:
        return line
    head = line[:MAX_CHARACTERS]
    at_word = head.rsplit(" ", 1)[0]
    return (at_word if len(at_word) > MAX_CHARACTERS // 2 else head).rstrip() + "…"
