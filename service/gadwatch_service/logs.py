"""Structured logs: one line a record, with the request and the run, never with a secret."""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
run_id: ContextVar[str | None] = ContextVar("run_id", default=None)

_SECRETS: Final = re.compile(
    r"""
      (?P<token>\bgw_)[A-Za-z0-9_-]{16,}                  # our own tokens
    | (?P<scheme>\b(?:Bearer|Basic)\s+)[A-Za-z0-9+/=._~-]{8,}
    | (?P<user>://[^/\s:@]*:)[^/\s@]+(?=@)                # the password in an address
    | (?P<hook>\bhooks\.slack\.com/)[^\s"']+              # a Slack address is itself a secret
    | (?P<query>[?&](?:code|token|key|secret|access_token|sign)=)[^&\s"']+
    """,
    re.VERBOSE | re.IGNORECASE,
)

_OWN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {
    "message",
    "asctime",
    "taskName",
    "color_message",  # uvicorn's message once more, with colours
}


def redact(text: str) -> str:
    """``text`` with everything that looks like a secret blanked."""
    return _SECRETS.sub(lambda match: f"{match[match.lastgroup or 0]}***", text)


def configure_logging(level: str, form: Literal["text", "json"]) -> None:
    """Send the logs of the service and of its libraries to standard error, redacted."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Its lines show whole addresses, query and all; the request log replaces them.
    logging.getLogger("uvicorn.access").disabled = True
    # The first two tell of each request at INFO, with its address; the last of its own plug-ins.
    for name in ("httpx2", "httpcore2", "alembic.runtime.plugins"):
        logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def about_run(name: str) -> Iterator[None]:
    """Mark every record made inside as being about this run."""
    token = run_id.set(name)
    try:
        yield
    finally:
        run_id.reset(token)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what a call passes as ``extra`` becomes members."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_context(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return redact(json.dumps(line, default=str, ensure_ascii=True))


class TextFormatter(logging.Formatter):
    """A line for people: time, level, message, then the facts as ``name=value``."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the traceback below it when there is one."""
        facts = "".join(f" {name}={value}" for name, value in _context(record).items())
        line = f"{_time(record)} {record.levelname:<7} {_visible(record.getMessage() + facts)}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        return redact(line)


def _visible(text: str) -> str:
    """``text`` on one line, without what moves a terminal's cursor or changes its colours."""
    if text.isprintable():
        return text
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _context(record: logging.LogRecord) -> dict[str, object]:
    facts: dict[str, object] = {}
    if (request := request_id.get()) is not None:
        facts["request_id"] = request
    if (run := run_id.get()) is not None:
        facts["run_id"] = run
    facts.update((key, value) for key, value in record.__dict__.items() if key not in _OWN)
    return facts
