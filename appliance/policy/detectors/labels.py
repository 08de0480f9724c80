"""Words beside a number that say what it is.

An alternation is searched several times faster where each branch begins with a plain letter, so
words in Latin letters are written out with either case of their first one.
"""

import re

_NUMBERED = (
    "주문 송장 운송장 배송 부품 모델 제품 상품 관리 문서 "
    "접수 일련 시리얼 사건 승인 거래 품목 자재 도면 바코드"
)
_CODES = "order serial tracking part model isbn ean s/n p/n sn pn"
_LABEL_END = r" ?(?:번호|코드|no)(?:은|는|이|가)? ?[:=#]? ?$"
_CODE_END = r"(?i:[ -]?(?:no|number|id))?\.? ?[:=#-]? ?$"


def any_case(words: str, behind: str = "", ahead: str = "") -> str:
    """Branches for words in Latin letters, whatever their case.

    `behind` and `ahead` are classes of what must not stand directly before and after one.
    """
    before = f"(?<!{behind}.)" if behind else ""
    after = f"(?!{ahead})" if ahead else ""
    return "|".join(
        f"{first}{before}(?i:{word[1:]}){after}"
        for word in words.split()
        for first in (word[0].upper(), word[0].lower())
    )


def branches(words: str, end: str = "") -> str:
    """Branches for words as they are, each with this behind it."""
    return "|".join(word + end for word in words.split())


# Directly before a number: it is something else, an order, a parcel, a part.
OTHER_NUMBER = re.compile(
    f"{branches(_NUMBERED, _LABEL_END)}|(?:{branches('품번 시리얼 바코드')}|{any_case(_CODES)}){_CODE_END}"
)
