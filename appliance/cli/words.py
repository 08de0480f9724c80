"""The words after `serve`, read in a copy of this process: what reads them is large, and launcher and
supervisor keep whatever they load for as long as the product runs.
"""

import functools
import json
import os
import sys
from typing import Any, NoReturn

EXIT_OUR_FAULT = 70


def read() -> tuple[dict[str, Any] | None, int]:
    """(what was chosen, 0), or (None, the exit status) when help or a mistake was told instead."""
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(ours)
        _tell(theirs)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        told = pipe.read()
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return (json.loads(told), code) if told else (None, code)


def _tell(pipe: int) -> NoReturn:
    code: Any = EXIT_OUR_FAULT
    try:
        from appliance.cli.program import program  # noqa: PLC0415 - only in the copy
        from appliance.cli.serve import serve  # noqa: PLC0415

        @functools.wraps(serve)
        def tell(**chosen: Any) -> None:
            os.write(pipe, json.dumps(chosen, default=str).encode())

        alone = program()
        alone.callback()(lambda: None)  # or its one command would be the whole program, without a name
        alone.command()(tell)
        alone()
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else EXIT_OUR_FAULT)
