"""Passwords: long ones of any kind, none that attackers try first, kept so that guessing is dear."""

import unicodedata

import pytest
from argon2 import extract_parameters
from argon2.low_level import Type
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.errors import InvalidInput
from appliance.identity import passwords


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "초록 우산 세 개와 비",
        "Tr0ub4dor&3",
        "admin-password-1",
        " spaces at the ends ",
        "🦉🦉 부엉이 둘",
        "x" * 250 + "abcdef",
    ],
)
def test_a_sentence_or_any_long_word_of_ones_own_is_accepted(password: str) -> None:
    passwords.check_strength(password, "alice")


@pytest.mark.parametrize(
    "password",
    [
        "password", "Password123!", "P@ssw0rd!", "ADMIN1234", "qwer1234!", "1q2w3e4r", "1qaz2wsx",
        "qwertyuiop", "lkjhgfdsa", "abcdefgh", "87654321", "aaaaaaaaaa", "12341234", "19990101",
        "01012345678", "비밀번호1234", "사랑해사랑해사랑해", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "tkfkdgo123",
        "dkssudgktpdy", "qlalfqjsgh1!", "alice in chains", "ａｌｉｃｅ in chains", "a1234567", "Naesil1234",
    ],
)  # fmt: skip
def test_what_attackers_try_first_is_refused(password: str) -> None:
    with pytest.raises(InvalidInput, match="first that attackers try") as refusal:
        passwords.check_strength(password, "Alice in Chains")
    assert refusal.value.field == "password"


@pytest.mark.parametrize(
    ("password", "what"), [("겨우 일곱 자", "at least 8"), ("나무숲" * 86, "at most 256")]
)
def test_the_length_is_counted_in_characters(password: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=what):
        passwords.check_strength(password, "alice")


def test_hangul_typed_on_another_system_is_the_same_password() -> None:
    encoded = passwords.hash_password(unicodedata.normalize("NFD", "초록 우산 세 개"))
    assert passwords.matches(encoded, "초록 우산 세 개")
    assert not passwords.matches(encoded, "초록 우산 네 개")


def test_a_hash_is_argon2id_with_a_salt_and_memory_that_fits_beside_the_model() -> None:
    first, second = (passwords.hash_password("초록 우산 세 개") for _ in range(2))
    assert first != second
    parameters = extract_parameters(first)
    assert parameters.type is Type.ID
    assert 19 * 1024 <= parameters.memory_cost <= 64 * 1024


def test_a_longer_password_than_the_longest_is_not_the_same_one() -> None:
    longest = "x" * passwords.MAX_LENGTH
    assert not passwords.matches(passwords.hash_password(longest), longest + "y")


@settings(max_examples=20)
@given(st.text(st.characters(), max_size=300), st.text(max_size=20))
def test_any_text_at_all_is_judged_and_compared(password: str, name: str) -> None:
    try:
        passwords.check_strength(password, name)
    except InvalidInput:
        pass
    else:
        assert passwords.matches(passwords.hash_password(password), password)


@pytest.mark.parametrize("encoded", ["", "plain"])
def test_a_damaged_hash_lets_nobody_in(encoded: str) -> None:
    assert not passwords.matches(encoded, "초록 우산 세 개")
