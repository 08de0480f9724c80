"""Tuning: what is tried, what wins, what is kept, and that the next start serves with it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from appliance.config import Settings
from appliance.errors import ConfigError
from appliance.inference import registry, store, tuning
from appliance.inference.registry import ModelFile
from appliance.inference.tuning import Layout, Row
from appliance.protocol.settings import RuntimeSettings
from appliance.protocol.trials import Failed, Measured, Orders, Requantize, Result, Written
from appliance.supervisor import machine
from appliance.supervisor.launch import runtime_settings
from appliance.supervisor.tune import Findings, Tuner, Wish, keep
from appliance.supervisor.workshop import Pace, Workshop, run_jailed
from tests.fakes import FakeClock
from tests.inference.tiny_models import FAMILIES, write

BASE = Layout(threads=2)


def measured(prompt: float, answer: float, name: str = "Q4_1", loss: float | None = 10.0) -> Measured:
    return Measured(
        prompt_tokens_per_s=prompt,
        generated_tokens_per_s=answer,
        quantization=name,
        size_bytes=96_000_000,
        perplexity=loss,
    )


class Bench:
    """A machine on which formats and layouts have the speeds that a test gives them."""

    def __init__(self, speed: Callable[[str, RuntimeSettings], float], losses: dict[str, float]) -> None:
        self.speed = speed
        self.losses = losses
        self.orders: list[Orders] = []

    def __call__(self, orders: Orders) -> Result:
        self.orders.append(orders)
        order = orders.order
        if isinstance(order, Requantize):
            Path(order.target).write_text(order.format)
            return Written()
        path = Path(order.settings.model_path)
        name = path.read_text() if path.name.startswith(".staging") else "F32"
        speed = self.speed(name, order.settings)
        if speed <= 0:
            return Failed("it does not go together")
        return measured(10 * speed, speed, name, self.losses[name] if order.text else None)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory, embedded_model: Path) -> Path:
    """A data folder with one tiny model."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "models").mkdir()
    (folder / "keys").mkdir()
    write(folder / "models" / "tiny.gguf", FAMILIES["llama"], embedded_model)
    return folder


def model_in(folder: Path) -> tuple[Settings, ModelFile]:
    settings = Settings(data=folder, model="tiny", slots=2)
    return settings, registry.resolve(settings)


def tuned_with(bench: Bench, folder: Path, wish: Wish) -> Findings:
    settings, model = model_in(folder)
    with store.changing(settings.models_folder):
        return Tuner(Workshop(settings, model, bench), model, wish, lambda *_: None).run()


def test_a_faster_format_wins_only_within_the_allowed_loss(tiny: Path) -> None:
    speeds = {"F32": 10.0, "Q8_0": 20.0, "Q4_K_M": 30.0, "Q4_0": 40.0}
    losses = {"F32": 10.0, "Q8_0": 10.01, "Q4_K_M": 10.6, "Q4_0": 12.0}
    bench = Bench(lambda name, _: speeds[name], losses)
    careful = tuned_with(bench, tiny, Wish(most_loss=0.02))
    assert careful.chosen.format == "Q8_0"
    assert careful.chosen.perplexity_change == pytest.approx(0.001)
    assert careful.file is not None
    assert tuned_with(bench, tiny, Wish(most_loss=0.10)).chosen.format == "Q4_K_M"
    assert tuned_with(bench, tiny, Wish(most_loss=1.0)).chosen.format == "Q4_0"


def test_each_setting_builds_on_the_ones_chosen_before(tiny: Path) -> None:
    def speed(_name: str, settings: RuntimeSettings) -> float:
        faster = 1.5 if not settings.flash_attn else 1.0
        return 10 * faster * (1.2 if settings.ubatch == 256 else 1.0)

    bench = Bench(speed, dict.fromkeys(("F32", *tuning.FORMATS), 10.0))
    chosen = tuned_with(bench, tiny, Wish()).chosen
    assert (chosen.format, chosen.layout.flash_attn, chosen.layout.ubatch) == ("F32", False, 256)


def test_what_does_not_work_is_a_row_with_its_reason(tiny: Path) -> None:
    bench = Bench(
        lambda _name, settings: 0.0 if settings.kv_unified else 10.0,
        dict.fromkeys(("F32", *tuning.FORMATS), 10.0),
    )
    found = tuned_with(bench, tiny, Wish())
    assert [row.problem for row in found.rows if row.layout.kv_unified] == ["it does not go together"]
    assert found.chosen.layout == Layout(threads=found.chosen.layout.threads)


def test_a_model_that_does_not_run_at_all_is_said_so(tiny: Path) -> None:
    with pytest.raises(ConfigError, match="does not go together"):
        tuned_with(Bench(lambda *_: 0.0, {}), tiny, Wish())


def test_who_won_on_a_busy_moment_must_win_again(tiny: Path) -> None:
    """Q8_0 is fast in its first trial only: in the duel the file as it is stands."""
    tried: list[str] = []

    def speed(name: str, _settings: RuntimeSettings) -> float:
        tried.append(name)
        return 40.0 if name == "Q8_0" and tried.count("Q8_0") == 1 else 10.0

    found = tuned_with(Bench(speed, dict.fromkeys(("F32", *tuning.FORMATS), 10.0)), tiny, Wish(quick=True))
    assert (found.chosen.format, found.speedup, found.file) == ("F32", 1.0, None)


def test_noise_changes_nothing() -> None:
    rows = [
        Row("F32", BASE, measured(100, 10)),
        Row("Q8_0", BASE, measured(101, 10.1), perplexity_change=0.0),
    ]
    assert tuning.best(rows, 1.0) is rows[0]


def test_formats_with_many_more_bits_are_not_tried() -> None:
    assert tuning.worth_trying(measured(1, 1, "Q4_1"), 134_000_000) == ["Q8_0", "Q4_K_M", "Q4_0"]
    two_bits = msgspec.structs.replace(measured(1, 1, "Q2_K"), size_bytes=40_000_000)
    assert tuning.worth_trying(two_bits, 134_000_000) == ["Q4_K_M", "Q4_0"]
    assert "Q4_K_M" not in tuning.worth_trying(measured(1, 1, "Q4_K - Medium"), 134_000_000)


def test_a_choice_is_served_on_this_machine_and_only_when_applied(tiny: Path, clock: FakeClock) -> None:
    settings, model = model_in(tiny)
    folder = settings.models_folder
    bench = Bench(
        lambda name, _: 20.0 if name == "Q8_0" else 10.0, dict.fromkeys(("F32", *tuning.FORMATS), 10.0)
    )
    with store.changing(folder):
        found = Tuner(Workshop(settings, model, bench), model, Wish(quick=True), lambda *_: None).run()
        keep(folder, model, found, machine.key(), clock, applied=False)
        assert runtime_settings(settings, model).model_path == str(model.path)
        found = Tuner(Workshop(settings, model, bench), model, Wish(quick=True), lambda *_: None).run()
        tuned = keep(folder, model, found, machine.key(), clock, applied=True)
        found = Tuner(Workshop(settings, model, bench), model, Wish(quick=True), lambda *_: None).run()
        keep(folder, model, found, machine.key(), clock, applied=False)  # takes nothing out of use
    served = runtime_settings(settings, model)
    assert served.model_path == str(folder / f"{tuned.file}.gguf")
    assert (served.model_name, served.model_sha256) == ("tiny", tuned.file)
    assert tuning.apply(settings, model, "another machine") == (model, None)
    assert [one.name for one in registry.models(settings)[0]].count("tiny") == 1
    (folder / f"{tuned.file}.gguf").write_bytes(b"changed")
    assert runtime_settings(settings, model).model_path == str(model.path)


def test_the_threads_a_person_set_win(tiny: Path, clock: FakeClock) -> None:
    settings, model = model_in(tiny)
    row = Row("F32", Layout(threads=1, kv_unified=True), measured(1, 1))
    keep(settings.models_folder, model, Findings((row,), row, 1.0, None), machine.key(), clock, applied=True)
    assert runtime_settings(settings, model).threads == 1
    fixed = runtime_settings(replace(settings, threads=3), model)
    assert (fixed.threads, fixed.kv_unified) == (3, True)


def test_real_trials_in_their_jail_measure_and_requantize(tiny: Path) -> None:
    settings, model = model_in(tiny)
    workshop = Workshop(settings, model, run_jailed)
    with store.changing(settings.models_folder):
        target = workshop.draft()
        assert workshop.requantize(target, "Q8_0") is None
        pace = Pace(seconds=0.05, text_tokens=64)
        found = workshop.measure(target, BASE, pace, text=True)
        assert isinstance(found, Measured), found
        assert found.quantization == "Q8_0"
        assert found.prompt_tokens_per_s > 0 < found.generated_tokens_per_s
        assert found.perplexity is not None
        assert found.perplexity > 1000  # its weights are noise
        bad = workshop.measure(target, Layout(threads=2, flash_attn=False, type_v="q8_0"), pace)
        assert isinstance(bad, Failed)
        assert "flash attention" in bad.reason
        garbage = workshop.draft()
        garbage.write_bytes(b"GGUF" + bytes(100))
        assert isinstance(workshop.measure(garbage, BASE, pace), Failed)


def test_a_trial_sees_nothing_but_its_files(tiny: Path) -> None:
    settings, model = model_in(tiny)
    secret = settings.data / "keys" / "root.key"
    secret.write_bytes(bytes(32))
    workshop = Workshop(settings, model, run_jailed)

    def stolen(orders: Orders) -> Result:
        changed = msgspec.structs.replace(orders.order, source=str(secret))
        return run_jailed(msgspec.structs.replace(orders, order=changed))

    workshop = Workshop(settings, model, stolen)
    with store.changing(settings.models_folder):
        assert isinstance(workshop.requantize(workshop.draft(), "Q8_0"), Failed)


def test_a_quick_tuning_ends_in_time_and_chooses_from_what_it_saw(tiny: Path) -> None:
    """Every trial takes 12 of the 18 seconds: the second is cut off, and nothing more is begun."""
    now = [0.0]
    bench = Bench(lambda *_: 1.0, {"F32": 10.0, "Q8_0": 10.0})

    def slowly(orders: Orders) -> Result:
        now[0] += min(12.0, orders.limit_s)
        return bench(orders) if orders.limit_s >= 12 else Failed("it takes too long")

    settings, model = model_in(tiny)
    with store.changing(settings.models_folder):
        workshop = Workshop(settings, model, slowly, lambda: now[0])
        found = Tuner(workshop, model, Wish(quick=True), lambda *_: None).run()
    assert now[0] <= 20
    assert (found.chosen.format, found.file) == ("F32", None)
    assert [row.problem for row in found.rows] == ["", "it takes too long"]
