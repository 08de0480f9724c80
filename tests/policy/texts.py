"""Text for property tests: pieces of what matters, joined in every way."""

from random import Random

from hypothesis import strategies as st

from tests.policy.corpus import corpus

_PIECES = (
    "900101-1234567", "9001011234567", "９００１０１－１２３４５６７", "9 0 0 1 0 1 - 1 2 3 4 5 6 7",
    "110111-1129497", "11-22-123456-78", " M12345678", "여권 ", "면허 ", "주민 ", "4111-1111-1111-1111",
    "1111-", "010-1234-5678", "+82 10", "-1234-5678", "116-82-00276", "국민은행 ", "123-456-789012",
    " DE89 3704 0044 0532 0130 00", "12가 3456", "10.0.0.1", "서버 ", " a.b@example.com",
    "https://u:pass.w@example.com/", "서울특별시 중구 세종대로 110",
    ", 101동 1203호", "경기도 성남시 ", "분당구 나래로 1",
    "성명: 홍길동", " 과장님", "AKIAABCDEFGHIJKLMNOP", "sk-abcdefghijklmnopqrstuvwxyz012345",
    "eyJhbGciOiJI.eyJzdWIiOiIxMjM0.abcdefghijklmnopqrst",
    "-----BEGIN PRIVATE KEY-----\nMIIEvQ\nabcd==\n-----END PRIVATE KEY-----", "-----BEGIN RSA",
    "①", "㈜", "\u200b", "\u1112\u1161\u11ab", "가나다 ", "그리고", "\n", " ", "-", ".", "\t", "| ", "1",
    "20260302", "abc", "x" * 60, "별빛계획", "é", "ﬁ", "½",
)  # fmt: skip

pieced = st.lists(st.sampled_from(_PIECES) | st.text(max_size=4), max_size=14).map("".join)


def some_of_the_corpus(count: int, seed: int = 7) -> list[str]:
    """Longer texts: sentences of the corpus, several on end."""
    samples = [sample.text for sample in corpus(seed, each=40, negatives=200)]
    random = Random(seed)  # noqa: S311 - repeatable
    return [random.choice(["\n", " ", " | "]).join(random.sample(samples, 6)) for _ in range(count)]
