"""Another log's checkpoints are cosigned over HTTP: what extends what was seen, and nothing else."""

from collections.abc import Callable

import pytest

from appliance.audit.actions import AuditAction
from appliance.evidence.keys import KeyRing
from appliance.evidence.witness import init_witness, watch_log
from tests.evidence.bundle import SIGNER, HandLog, leaf
from tests.http.conftest import Client
from tests.http.fakes import House

LEAVES = [leaf(number) for number in range(12)]
LOG = HandLog(LEAVES)
OTHER = HandLog([*LEAVES[:3], leaf(3, subject="mallory"), *LEAVES[4:]])
ADDRESS = "/witness/add-checkpoint"


@pytest.fixture
def key(house: House) -> str:
    """The house is a witness of LOG; its public key."""
    folder = house.settings.data / "witness"
    text = init_witness(folder, "witness.example/w1")
    watch_log(folder, str(SIGNER.verifier))
    return text


Said = tuple[int, str]


def recorded(house: House) -> list[tuple[str, str]]:
    return [(one.outcome, one.reason) for one in house.recorded() if one.action == AuditAction.WITNESSED]


@pytest.fixture
def send(stranger: Client) -> Callable[[str], Said]:
    def post(text: str) -> Said:
        answer = stranger.http.post(ADDRESS, content=text.encode())
        return answer.status_code, answer.text

    return post


def test_a_growing_log_is_cosigned(house: House, key: str, send: Callable[[str], Said]) -> None:
    for old, new in ((0, 5), (5, 5), (5, 12)):
        request = LOG.consistency(old, new)
        code, line = send(request.text())
        assert code == 200
        _, (cosigned,) = KeyRing.parse(str(SIGNER.verifier), key).checkpoint(request.note + line, "")
        assert (cosigned.name, cosigned.size) == ("witness.example/w1", new)
    assert recorded(house) == [("allowed", "size 5"), ("allowed", "size 12")]


def test_what_was_cosigned_last_is_told(key: str, send: Callable[[str], Said]) -> None:
    assert key
    send(LOG.consistency(0, 5).text())
    assert send(LOG.consistency(3, 12).text()) == (409, "5\n")


def test_another_past_is_refused_and_recorded(house: House, key: str, send: Callable[[str], Said]) -> None:
    assert key
    send(LOG.consistency(0, 5).text())
    assert send(OTHER.consistency(5, 5).text()) == (409, "5\n")
    assert send(OTHER.consistency(5, 12).text())[0] == 422
    assert recorded(house)[1:] == [("refused", "fork"), ("refused", "witness-inconsistent")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 400),
        ("old 0\n", 400),
        ("old -1\n\n" + LOG.checkpoint(5), 400),
        ("old 9\n\n" + LOG.checkpoint(5), 400),
        (LOG.consistency(0, 5).text().replace("by-hand", "unknown"), 404),
        (LOG.consistency(0, 5).text().replace("\n5\n", "\n6\n"), 403),
    ],
)
def test_nonsense_is_named(key: str, send: Callable[[str], Said], text: str, code: int) -> None:
    assert key
    assert send(text)[0] == code


def test_nobodys_witness_has_no_such_page(send: Callable[[str], Said]) -> None:
    assert send(LOG.consistency(0, 5).text())[0] == 404
