"""One tiny contest in earnest: the product and the bare engine, costs and all."""

from pathlib import Path

from benchmarks import compete, registry
from benchmarks.registry import ENGINE, PRODUCT, Scale


def test_product_and_engine_take_turns_under_the_same_load(embedded_model: Path) -> None:
    chats = registry.every()["chats-4"]
    outcome = compete.run(chats, (ENGINE, "http://127.0.0.1:9"), 1, Scale(embedded_model, quick=True))
    assert list(outcome.rounds) == [PRODUCT, ENGINE]
    assert list(outcome.absent) == ["http://127.0.0.1:9"]
    for contestant in (PRODUCT, ENGINE):
        figures = outcome.medians(contestant)
        assert figures["generated_tokens"] == 32
        assert figures["cpu_s_per_1000_tokens"] > 0
        assert figures["peak_mib"] > 100
    assert outcome.ratio("tokens_per_s", ENGINE) is not None
