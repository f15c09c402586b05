"""Runs the command in this process, as a shell would: exit code, stdout, stderr."""

import contextlib
import io
from dataclasses import dataclass

from gadwatch_cli.main import main


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str


def gadwatch(*arguments: str) -> Outcome:
    """One command's outcome. A traceback fails the test that called it."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as exit_:
            code = exit_.code
    assert isinstance(code, int)
    return Outcome(code, out.getvalue(), err.getvalue())
