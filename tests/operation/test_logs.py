import json
import logging
import sys

import pytest

from gadwatch_service.access.secrets import new_token
from gadwatch_service.logs import JsonFormatter, TextFormatter, about_run, redact, request_id


def _record(message: str, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("gadwatch.x", logging.INFO, "x.py", 1, message, None, None)
    record.__dict__.update(extra)
    return record


def test_a_json_line_carries_the_request_the_run_and_the_facts() -> None:
    token = request_id.set("req-1")
    with about_run("warmup-7"):
        line = json.loads(JsonFormatter().format(_record("stored", steps=3)))
    request_id.reset(token)
    assert line["message"] == "stored"
    assert (line["request_id"], line["run_id"], line["steps"]) == ("req-1", "warmup-7", 3)
    assert line["time"].endswith("Z")


def test_an_exception_stays_on_the_line() -> None:
    try:
        int("broken\nbadly")
    except ValueError:
        record = _record("failed")
        record.exc_info = sys.exc_info()
    text = JsonFormatter().format(record)
    assert "\n" not in text
    assert "broken" in json.loads(text)["exception"]


@pytest.mark.parametrize("sign", ["\n", "\r", "\x1b", "\x9b", "\u2028", "\u202e", "\ud800"])
def test_neither_a_message_nor_a_fact_can_forge_a_line(sign: str) -> None:
    forged = f"/runs/a{sign}2026-01-01 ERROR forged 学习"
    line = TextFormatter().format(_record(forged, path=forged))
    assert sign not in line
    assert line.count("forged 学习") == 2


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"got {(token := new_token())} from x", token),
        ("Authorization: Bearer abcdefgh12345678", "abcdefgh12345678"),
        ("postgresql+psycopg://gadwatch:hunter2@db:5432/x", "hunter2"),
        ("POST https://hooks.slack.com/services/T0/B0/xyz failed", "T0/B0/xyz"),
        ("GET /login?next=%2F&code=abcdef", "abcdef"),
        ("https://oapi.dingtalk.com/robot/send?access_token=0123", "0123"),
    ],
    ids=["token", "bearer", "database", "slack", "login", "dingtalk"],
)
def test_secrets_are_blanked(text: str, secret: str) -> None:
    assert secret not in redact(text)
    assert secret not in JsonFormatter().format(_record(text))
    assert secret not in TextFormatter().format(_record("m", fact=text))


def test_other_text_is_left_as_it_is() -> None:
    text = 'critic/d_acc = 0.9473 <= 0.95 ("ready") at https://gadwatch.example.org/runs/w?x=1'
    assert redact(text) == text


def test_no_line_says_its_message_twice() -> None:
    record = logging.makeLogRecord({"msg": "Started", "color_message": "Started in colour"})
    assert "colour" not in TextFormatter().format(record)
