from appliance.runtime.speed import RETRY_UNKNOWN_S, Speeds


def test_nothing_is_promised_before_anything_was_measured() -> None:
    speeds = Speeds()
    assert speeds.eta_s(1) is None
    assert speeds.retry_after_s() == RETRY_UNKNOWN_S


def test_each_place_costs_one_requests_worth_of_work() -> None:
    speeds = Speeds()
    speeds.read(100, 1.0)
    speeds.generated(50, 1.0)
    speeds.ended(200, 100)
    assert speeds.eta_s(1) == 4.0
    assert speeds.eta_s(3) == 12.0
    assert speeds.retry_after_s() == 4
