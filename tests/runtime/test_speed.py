import pytest

from appliance.runtime.speed import Speeds


def test_nothing_is_known_before_anything_was_measured() -> None:
    speeds = Speeds()
    assert not speeds.known
    assert (speeds.prompt_tokens_per_s, speeds.generated_tokens_per_s) == (0.0, 0.0)
    assert speeds.fresh_share == 1.0


def test_work_left_is_what_must_be_read_and_what_will_be_said() -> None:
    speeds = Speeds()
    speeds.read(100, 1.0)
    speeds.generated(50, 1.0)
    speeds.ended(200, 50, 100)
    assert speeds.known
    assert speeds.work_left(200, 0, 1000) == pytest.approx(4.0)
    assert speeds.work_left(0, 60, 1000) == pytest.approx(0.8)
    assert speeds.fresh_share == 0.75
