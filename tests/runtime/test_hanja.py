import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from appliance.runtime.hanja import HanTokens, has_han, open_end

PIECES = [
    b"", "한".encode(), "漢".encode(), b"a", b"\xe6", b"\xe6\xbc", b"\xa2", b"\xed", b"\xed\x95", b"\x9c",
    b"\xe3", b"\x85\x8b", b"\x90\x80", b"\xf0", b"\x9f\x98\x80", b"\xa0\x80\x80", " 々".encode(), b"\xbc",
]  # fmt: skip


def is_han(letter: str) -> bool:
    name = unicodedata.name(letter, "")
    return name.startswith(("CJK UNIFIED", "CJK COMPATIBILITY IDEOGRAPH", "CJK RADICAL", "KANGXI RADICAL"))


def test_every_letter_of_unicode_is_told_apart() -> None:
    letters = [chr(code) for code in range(0x20, 0x32400) if not 0xD800 <= code < 0xE000]
    han = {letter for letter in letters if has_han(letter.encode())}
    assert all(letter in han for letter in letters if is_han(letter))
    assert not any(0xAC00 <= ord(letter) <= 0xD7A3 or 0x1100 <= ord(letter) <= 0x11FF for letter in han)
    assert not han & set("가힣ㄱㅎㅋㅠあア、。「」（）・※★①㎏αЖé😀…“”")
    assert "々" in han


@given(st.text(alphabet=st.sampled_from("한글 漢字々あa😀𠀀ㅋ。"), max_size=8), st.integers(0, 20))
def test_whatever_is_cut_a_banned_token_is_found_by_its_end(text: str, cut: int) -> None:
    data = text.encode()
    before, after = data[:cut], data[cut:]
    held = open_end(before)
    assert (has_han(before) or has_han(held + after)) == has_han(data)


def test_tokens_are_banned_by_what_they_complete() -> None:
    tokens = HanTokens(len(PIECES), PIECES.__getitem__)

    def banned(end: bytes) -> set[bytes]:
        return {PIECES[token] for token in tokens.banned(end)}

    always = {"漢".encode(), b"\xe6", b"\xe6\xbc", " 々".encode()}
    assert banned(b"") == always
    assert banned(b"\xed") == always
    assert banned(b"\xe3") == always | {
        b"\x90\x80",
        b"\xa2",
        b"\x9c",
        b"\x9f\x98\x80",
        b"\xa0\x80\x80",
        b"\xbc",
    }
    assert banned(b"\xf0") == always | {b"\xa0\x80\x80", b"\xa2"}
