"""Words directly before a number that say it is something else: an order, a parcel, a part."""

import re

OTHER_NUMBER = re.compile(
    "(?:주문|송장|운송장|배송|부품|모델|제품|상품|관리|문서|접수|일련|시리얼|사건|승인|거래|품목|자재|도면|바코드)"
    " ?(?:번호|코드|no)(?:은|는|이|가)? ?[:=#]? ?$"
    r"|(?:품번|시리얼|바코드|(?i:order|serial|tracking|part|model|isbn|ean|s/n|p/n|sn|pn))"
    r"(?i:[ -]?(?:no|number|id))?\.? ?[:=#-]? ?$"
)
