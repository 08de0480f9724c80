from appliance.protocol.messages import INITIAL_CREDIT, Finished, FromRuntime, Token
from appliance.runtime.outbox import Outbox


def test_a_reader_without_credit_gets_merged_text_later_and_everything_by_the_end() -> None:
    sent: list[FromRuntime] = []
    outbox = Outbox(sent.append)
    outbox.open("slow")
    for number in range(INITIAL_CREDIT + 10):
        outbox.say("slow", [Token("slow", f"{number} ")])
    assert len(sent) == INITIAL_CREDIT
    outbox.credit("slow", 1)
    assert len(sent) == INITIAL_CREDIT + 1
    outbox.say("slow", [Token("slow", "last")])
    outbox.end(Finished(id="slow", reason="stop"))
    outbox.credit("slow", 5)
    assert isinstance(sent[-1], Finished)
    text = "".join(frame.text for frame in sent if isinstance(frame, Token))
    assert text == " ".join(map(str, range(INITIAL_CREDIT + 10))) + " last"


def test_credit_never_grows_beyond_the_first_amount() -> None:
    sent: list[FromRuntime] = []
    outbox = Outbox(sent.append)
    outbox.open("liar")
    outbox.credit("liar", 10**9)
    for _ in range(INITIAL_CREDIT * 2):
        outbox.say("liar", [Token("liar", "x")])
    assert len(sent) == INITIAL_CREDIT


def test_one_slow_reader_does_not_hold_up_another() -> None:
    sent: list[FromRuntime] = []
    outbox = Outbox(sent.append)
    outbox.open("slow")
    outbox.open("quick")
    for _ in range(INITIAL_CREDIT + 1):
        outbox.say("slow", [Token("slow", "s")])
        outbox.say("quick", [Token("quick", "q")])
        outbox.credit("quick", 1)
    assert sum(frame == Token("quick", "q") for frame in sent) == INITIAL_CREDIT + 1
