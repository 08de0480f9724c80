"""Every family of models loads and answers in the real process, in its own template's words."""

import json
from pathlib import Path

import pytest

from appliance.protocol.messages import Turn
from appliance.protocol.settings import RuntimeSettings
from appliance.runtime.template import PLAIN_STOPS, ChatTemplate
from tests.inference.tiny_models import CONTEXT, FAMILIES, template, write, write_adapter
from tests.runtime.client import RuntimeProcess, ask, runtime

TALK = (
    Turn("system", "Be brief."),
    Turn("user", "Hello."),
    Turn("assistant", "Hi."),
    Turn("user", "And?"),
    Turn("user", "Well?"),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("families")


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_a_family_loads_and_answers(name: str, folder: Path, embedded_model: Path) -> None:
    path = write(folder / f"{name}.gguf", FAMILIES[name], embedded_model)
    with runtime(path, slots=2, context=256) as process:
        assert process.hello().n_ctx == 256
        for number in range(2):
            process.send(ask(str(number), "Well?", payer=str(number), before=TALK[:4], max_tokens=6))
        ends = [process.finished(str(number)) for number in range(2)]
        assert {end.completion_tokens for end in ends} == {6}
        assert process.text("0") == process.text("1") != ""


@pytest.mark.parametrize("name", sorted(name for name in FAMILIES if FAMILIES[name].template))
def test_no_words_are_lost_whatever_the_template_refuses(name: str) -> None:
    text = ChatTemplate(template(FAMILIES[name]), "<s>", "</s>", ()).render(TALK)
    places = [text.index(word) for word in ("Be brief.", "Hello.", "Hi.", "And?", "Well?")]
    assert places == sorted(places)


def test_a_family_is_spoken_to_in_its_own_words() -> None:
    def said(name: str) -> str:
        return ChatTemplate(template(FAMILIES[name]), "<s>", "</s>", ()).render(TALK[:2])

    assert said("gemma2") == (
        "<s><start_of_turn>user\nBe brief.\n\nHello.<end_of_turn>\n<start_of_turn>model\n"
    )
    assert said("mistral") == "<s>[INST] Be brief.\n\nHello. [/INST]"
    assert said("qwen3").startswith("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello.")
    assert said("phi3") == "<|system|>\nBe brief.<|end|>\n<|user|>\nHello.<|end|>\n<|assistant|>\n"
    assert said("deepseek-r1") == "<s>Be brief.<｜User｜>Hello.<｜Assistant｜><think>\n"
    assert "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>" in said("llama")


def test_a_base_model_gets_plain_words_and_stops_where_the_next_turn_would_begin() -> None:
    plain = ChatTemplate("", "<s>", "</s>", ())
    assert plain.render(TALK[:2]) == "System: Be brief.\n\nUser: Hello.\n\nAssistant:"
    assert plain.stops == PLAIN_STOPS


def test_a_context_beyond_model_or_memory_is_reduced_and_said(folder: Path, embedded_model: Path) -> None:
    path = write(folder / "wide.gguf", FAMILIES["llama"], embedded_model)
    with runtime(path, slots=1, context=10**6) as process:
        hello = process.hello()
        assert (hello.n_ctx, hello.n_ctx_wanted) == (CONTEXT, 10**6)


def test_an_adapter_changes_every_answer(folder: Path, embedded_model: Path) -> None:
    path = write(folder / "plain.gguf", FAMILIES["llama"], embedded_model)
    adapter = write_adapter(folder / "adapter.gguf", "llama")
    texts = [_greedy(path, ""), _greedy(path, str(adapter)), _greedy(path, str(adapter))]
    assert texts[0] != texts[1] == texts[2]


@pytest.mark.parametrize(
    ("field", "value", "reason"), [("adapter_path", "plain.gguf", "adapter"), ("gpu_layers", 4, "GPU")]
)
def test_what_this_build_or_model_cannot_do_is_said(
    folder: Path, embedded_model: Path, field: str, value: str | int, reason: str
) -> None:
    path = write(folder / "plain.gguf", FAMILIES["llama"], embedded_model)
    given = str(folder / value) if isinstance(value, str) else value
    process = RuntimeProcess(_settings(path, **{field: given}))
    assert process.process.wait(60) == 3
    assert process.process.stderr is not None
    assert reason in json.loads(process.process.stderr.read())["reason"]
    process.process.stderr.close()
    process.sock.close()


def _settings(path: Path, **more: str | int) -> RuntimeSettings:
    return RuntimeSettings(
        model_path=str(path),
        model_name="tiny",
        model_sha256="0" * 64,
        slots=1,
        context=256,
        threads=1,
        queue_limit=4,
        **more,  # type: ignore[arg-type]  # the fields' own types, one at a time
    )


def _greedy(path: Path, adapter: str) -> str:
    process = RuntimeProcess(_settings(path, adapter_path=adapter))
    process.hello()
    process.send(ask("one", "Hello.", max_tokens=12))
    process.finished("one")
    assert process.stop() == 0
    assert process.process.stderr is not None
    process.process.stderr.close()
    return process.text("one")
