"""Prompts of a wanted length, made of words; nobody's data, the same every time."""

from random import Random

WORDS = (
    "harbour lantern meadow copper window river garden winter letter bridge market stone candle paper "
    "mountain village kitchen morning engine basket silver station forest music island carpet bottle "
    "weather ladder pocket summer doctor pencil mirror thunder blanket orange castle hammer ticket"
)
TOPICS = ("ships", "bread", "rivers", "clocks", "winter", "maps", "bees", "bridges", "paper", "gardens")
STORY = "Write a long and detailed story of at least one thousand words about {topic}. Begin with: {words}"


def words(count: int, seed: int) -> str:
    """`count` words; SmolLM2 and most others take a little more than one token for each."""
    chance = Random(seed)  # noqa: S311 - text, not secrets
    choices = WORDS.split()
    return " ".join(chance.choice(choices) for _ in range(count))


def story(number: int, length: int = 75) -> str:
    """A question of about 100 to 120 tokens that asks for a long answer."""
    return STORY.format(topic=TOPICS[number % len(TOPICS)], words=words(length, number))
