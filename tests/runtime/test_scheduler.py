"""The scheduler alone, with a machine that is nothing but a count of steps."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.protocol.messages import Sampling
from appliance.runtime.answer import Answer, Rules
from appliance.runtime.fairness import INPUT_WEIGHT, OUTPUT_WEIGHT, PRUNE_ABOVE, FairQueue, Forecast
from appliance.runtime.sampling import plan
from appliance.runtime.scheduler import BATCH_TURN, QueueFull, Scheduler
from appliance.runtime.sequence import Phase, Sequence
from appliance.runtime.speech import Speech
from appliance.runtime.stopping import StopStrings

LONGEST_PROMPT, LONGEST_ANSWER = 40, 30


def sequence(
    name: str,
    payer: str,
    prompt: int = 10,
    answer: int = 5,
    *,
    batch: bool = False,
    weight: float = 1.0,
    most_running: int = 1000,
) -> Sequence:
    return Sequence(
        id=name,
        fair_key=payer,
        weight=weight,
        batch=batch,
        cache_scope="",
        tokens=[1] * prompt,
        prompt_tokens=prompt,
        limit=answer,
        answer=Answer(name, Rules(plan(Sampling(), 2, 1)), Speech(StopStrings(()), opened=False)),
        arrived=0.0,
        deadline=1e9,
        most_running=most_running,
    )


class Machine:
    """Runs a scheduler's plans; `service` is what each payer got, in the paper's weighted tokens."""

    def __init__(self, slots: int, queue_limit: int = 10_000) -> None:
        self.scheduler = Scheduler(slots, queue_limit)
        self.service: Counter[str] = Counter()
        self.ended: list[str] = []
        self.started: list[str] = []

    def step(self, budget: int = 16) -> None:
        scheduler = self.scheduler
        while (starting := scheduler.next_to_start()) is not None:
            free = set(range(scheduler.sequences)) - {one.slot for one in scheduler.running.values()}
            scheduler.start(starting, min(free), 0)
            self.started.append(starting.id)
            self.service[starting.fair_key] += int(INPUT_WEIGHT * starting.prompt_tokens)
        step = scheduler.plan(budget)
        assert sum(count for _, count in step.prefill) <= budget
        assert [one.slot for one in step.decode] == sorted(one.slot for one in step.decode)
        for one, count in step.prefill:
            assert 0 < count <= one.prompt_left
            one.stored += count
            if not one.prompt_left:
                one.phase = Phase.DECODE
        for one in step.decode:
            one.generated += 1
            scheduler.generated(one)
            self.service[one.fair_key] += int(OUTPUT_WEIGHT)
            if one.generated >= one.limit:
                scheduler.remove(one)
                self.ended.append(one.id)

    def finish(self) -> None:
        """Step until everything ended; a stuck request would never let it."""
        for _ in range(100_000):
            if not (self.scheduler.running or self.scheduler.waiting):
                return
            self.step()
        raise AssertionError("something never ends")


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from("abcd"),
        st.integers(1, LONGEST_PROMPT),
        st.integers(1, LONGEST_ANSWER),
        st.booleans(),
        st.integers(0, 5),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(REQUESTS, st.integers(1, 9), st.sets(st.integers(0, 39)))
def test_everything_that_was_admitted_ends_once(
    requests: list[tuple[str, int, int, bool, int]], slots: int, cancelled: set[int]
) -> None:
    machine = Machine(slots)
    everyone = []
    for number, (payer, prompt, answer, batch, steps) in enumerate(requests):
        one = sequence(str(number), payer, prompt, answer, batch=batch)
        machine.scheduler.add(one)
        everyone.append(one)
        for _ in range(steps):
            machine.step()
    for number in cancelled:
        if number < len(everyone) and everyone[number].phase is not Phase.ENDED:
            machine.scheduler.remove(everyone[number])
            machine.ended.append(str(number))
    machine.finish()
    assert Counter(machine.ended) == Counter(one.id for one in everyone)
    assert all(one.phase is Phase.ENDED for one in everyone)


SIZES = st.lists(
    st.tuples(st.integers(1, LONGEST_PROMPT), st.integers(1, LONGEST_ANSWER)), min_size=1, max_size=5
)


@settings(deadline=None)
@given(SIZES, SIZES, st.integers(2, 9), st.integers(0, 30))
def test_two_backlogged_equals_differ_by_no_more_than_the_paper_allows(
    ones: list[tuple[int, int]], others: list[tuple[int, int]], slots: int, head_start: int
) -> None:
    machine = Machine(slots)
    for number in range(150):
        machine.scheduler.add(sequence(f"a{number}", "alice", *ones[number % len(ones)]))
    for _ in range(head_start):
        machine.step()
    for number in range(150):
        machine.scheduler.add(sequence(f"b{number}", "bob", *others[number % len(others)]))
    machine.service.clear()
    largest = slots * (LONGEST_PROMPT + LONGEST_ANSWER)  # M: the tokens that fit the machine at once
    bound = 2 * max(INPUT_WEIGHT * LONGEST_PROMPT, OUTPUT_WEIGHT * largest)
    while {one.fair_key for one in machine.scheduler.waiting.values()} == {"alice", "bob"}:
        machine.step()
        assert abs(machine.service["alice"] - machine.service["bob"]) <= bound


def test_a_weight_of_two_gets_twice_the_service() -> None:
    machine = Machine(4)
    for number in range(300):
        machine.scheduler.add(sequence(f"a{number}", "alice", weight=2.0))
        machine.scheduler.add(sequence(f"b{number}", "bob"))
    for _ in range(300):
        machine.step(64)
    assert machine.service["alice"] / machine.service["bob"] == pytest.approx(2.0, rel=0.1)


def test_a_pause_earns_no_credit() -> None:
    machine = Machine(2)
    machine.scheduler.add(sequence("early", "bob"))
    machine.finish()
    for number in range(60):
        machine.scheduler.add(sequence(f"a{number}", "alice"))
    for _ in range(100):
        machine.step()
    for number in range(30):
        machine.scheduler.add(sequence(f"b{number}", "bob"))
    before = len(machine.started)
    for _ in range(100):
        machine.step()
    latest = Counter(name[0] for name in machine.started[before:])
    assert latest["a"] >= latest["b"] - 2


def test_a_newcomer_starts_at_once_beside_somebody_who_fills_every_slot() -> None:
    machine = Machine(16)
    for number in range(60):
        machine.scheduler.add(sequence(f"g{number}", "greedy"))
    machine.step()
    assert len(machine.scheduler.running) == 16
    for number in range(2):
        machine.scheduler.add(sequence(f"modest{number}", "modest"))
    machine.step()
    assert "modest0" in machine.scheduler.running
    assert len(machine.scheduler.running) == 17, "the reserve is for who holds no slot yet"


def test_with_one_slot_everybody_takes_turns() -> None:
    machine = Machine(1)
    for number in range(4):
        machine.scheduler.add(sequence(f"a{number}", "alice"))
        machine.scheduler.add(sequence(f"b{number}", "bob"))
    machine.finish()
    assert [name[0] for name in machine.started] == ["a", "b"] * 4


def test_interactive_goes_first_and_batch_still_gets_its_turn() -> None:
    machine = Machine(1)
    for number in range(2):
        machine.scheduler.add(sequence(f"batch{number}", "robot", batch=True))
    for number in range(20):
        machine.scheduler.add(sequence(f"chat{number}", "alice"))
    machine.finish()
    turns = [place for place, name in enumerate(machine.started) if name.startswith("batch")]
    assert turns == [BATCH_TURN - 1, 2 * BATCH_TURN - 1]


@settings(deadline=None)
@given(REQUESTS)
def test_the_order_told_is_the_order_kept_when_the_forecast_is_right(
    requests: list[tuple[str, int, int, bool, int]],
) -> None:
    machine = Machine(1)
    for number, (payer, prompt, _, batch, _) in enumerate(requests):
        weight = 2.0 ** (ord(payer[-1]) % 3)  # exact in floating point, however it is added up
        machine.scheduler.add(sequence(str(number), payer, prompt, 5, batch=batch, weight=weight))
    told = [one.id for one in machine.scheduler.order(5.0)]
    machine.finish()
    assert told == machine.started


def test_the_forecast_begins_with_the_least_served() -> None:
    queue, first = FairQueue(), sequence("a", "alice")
    queue.add(first)
    queue.add(sequence("b", "bob"))
    queue.charge_answer(first, 10)
    assert queue.served == {"alice": 10 * OUTPUT_WEIGHT, "bob": 0.0}
    assert Forecast(queue, 5.0).pop().id == "b"


def test_a_short_question_does_not_wait_behind_a_long_document() -> None:
    machine = Machine(4)
    machine.scheduler.add(sequence("long", "alice", prompt=1000))
    machine.step()
    machine.scheduler.add(sequence("short", "bob", prompt=8))
    machine.step()
    assert machine.scheduler.running["short"].phase is Phase.DECODE
    assert machine.scheduler.running["long"].stored == 16 + 8


def test_a_prompt_is_read_whole_when_it_fits_and_no_crumbs_of_the_next() -> None:
    machine = Machine(4)
    for name in ("one", "two"):
        machine.scheduler.add(sequence(name, name, prompt=96))
    machine.step(140)
    one, two = (machine.scheduler.running[name] for name in ("one", "two"))
    assert (one.prompt_left, two.prompt_left) == (0, 96)
    machine.step(140)
    assert two.prompt_left == 0


def test_the_queue_has_an_end() -> None:
    scheduler = Scheduler(2, 1)
    for number in range(3):
        scheduler.add(sequence(str(number), "alice"))
    with pytest.raises(QueueFull):
        scheduler.add(sequence("4", "bob"))


def test_who_has_as_many_slots_as_allowed_is_passed_over_without_holding_others_up() -> None:
    machine = Machine(8)
    for number in range(20):
        machine.scheduler.add(sequence(f"c{number}", "capped", most_running=1))
        machine.scheduler.add(sequence(f"f{number}", "free"))
    machine.step()
    assert Counter(name[0] for name in machine.scheduler.running) == {"c": 1, "f": 7}
    machine.finish()
    assert len(machine.ended) == 40


def test_of_two_served_alike_who_holds_fewer_slots_is_next() -> None:
    queue = FairQueue()
    for payer in ("holds one", "holds none"):
        queue.add(sequence(payer, payer))
    first = queue.first({"holds one": 1}, 4)
    assert first is not None
    assert first.fair_key == "holds none"


def test_the_least_served_with_every_slot_they_may_have_lets_nobody_pass() -> None:
    queue = FairQueue()
    queue.add(sequence("a", "alice"))
    assert queue.first({"alice": 3}, 4) is not None
    assert queue.first({"alice": 4}, 4) is None


def test_batch_runs_while_everybody_interactive_has_what_the_policy_allows() -> None:
    machine = Machine(4)
    for number in range(3):
        machine.scheduler.add(sequence(f"chat{number}", "alice", most_running=1))
        machine.scheduler.add(sequence(f"batch{number}", "robot", batch=True))
    machine.step()
    assert {"chat0", "batch0", "batch1"} <= set(machine.scheduler.running)
    assert "chat1" not in machine.scheduler.running


WEIGHTS = st.lists(st.sampled_from([0.5, 1.0, 2.0, 4.0]), min_size=2, max_size=4)


@settings(deadline=None, max_examples=30)
@given(WEIGHTS, SIZES, st.integers(2, 9))
def test_backlogged_groups_are_served_by_their_weights(
    weights: list[float], sizes: list[tuple[int, int]], slots: int
) -> None:
    """The paper's bound for weights: served tokens over weight differ by what may be under way at once."""
    machine = Machine(slots)
    payers = {f"p{number}": weight for number, weight in enumerate(weights)}
    for number in range(60):
        for payer, weight in payers.items():
            size = sizes[number % len(sizes)]
            machine.scheduler.add(sequence(f"{payer}-{number}", payer, *size, weight=weight))
    largest = slots * (LONGEST_PROMPT + LONGEST_ANSWER)
    bound = 2 * max(INPUT_WEIGHT * LONGEST_PROMPT, OUTPUT_WEIGHT * largest) / min(weights)
    while {one.fair_key for one in machine.scheduler.waiting.values()} == set(payers):
        machine.step()
        shares = [machine.service[payer] / weight for payer, weight in payers.items()]
        assert max(shares) - min(shares) <= bound


def test_prompts_of_who_holds_many_slots_are_read_slowly_while_a_modest_one_is_answered() -> None:
    machine = Machine(8)
    machine.scheduler.add(sequence("m", "modest", prompt=4, answer=30))
    machine.step()
    for number in range(6):
        machine.scheduler.add(sequence(f"g{number}", "greedy", prompt=400))
    machine.step(32)
    greedy = [one for one in machine.scheduler.running.values() if one.fair_key == "greedy"]
    assert sum(one.stored for one in greedy) == 8
    machine.scheduler.add(sequence("n", "new", prompt=10))
    machine.step(32)
    assert machine.scheduler.running["n"].phase is Phase.DECODE


def test_payers_who_went_away_are_forgotten_unless_that_would_earn_them_something() -> None:
    queue, names = FairQueue(), [f"p{number}" for number in range(PRUNE_ABOVE + 1)]
    for name in names:
        queue.served[name] = 5.0
    for name, served in (("ahead", 90.0), ("at work", 1.0), ("first", 10.0), ("second", 20.0)):
        queue.served[name] = served
    for name in ("first", "second"):
        queue.add(sequence(name, name))
    queue.prune({"at work"})
    assert queue.served == {"ahead": 90.0, "at work": 1.0, "first": 10.0, "second": 20.0}
    for name in names:
        queue.served[name] = 15.0  # more than the least that waits: forgotten, they would be lifted to less
    queue.prune(())
    assert len(queue.served) == PRUNE_ABOVE + 4
    queue.add(sequence("back", "p0"))
    assert queue.served["p0"] == 15.0


def test_few_payers_are_all_remembered() -> None:
    queue = FairQueue()
    queue.served = {f"p{number}": 1.0 for number in range(PRUNE_ABOVE)}
    queue.prune(())
    assert len(queue.served) == PRUNE_ABOVE
