"""The words after `serve`, read in a copy of this process: what reads them is large, and launcher and
supervisor keep whatever they load for as long as the product runs.
"""

import functools
import json
import os
import sys
from typing import Any

from appliance.supervisor.aside import OUR_FAULT, in_a_copy


def read() -> tuple[dict[str, Any] | None, int]:
    """(what was chosen, 0), or (None, the exit status) when help or a mistake was told instead."""
    told, code = in_a_copy(_tell)
    return (json.loads(told), code) if told else (None, code)


def _tell(pipe: int) -> int:
    from appliance.cli.program import program  # noqa: PLC0415 - only in the copy
    from appliance.cli.serve import serve  # noqa: PLC0415

    @functools.wraps(serve)
    def tell(**chosen: Any) -> None:
        os.write(pipe, json.dumps(chosen, default=str).encode())

    alone = program()
    alone.callback()(lambda: None)  # or its one command would be the whole program, without a name
    alone.command()(tell)
    try:
        alone()
    except SystemExit as end:
        code: Any = end.code or 0
        return code if isinstance(code, int) else OUR_FAULT
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0
