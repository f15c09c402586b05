"""The retry table, and every adapter against it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadwatch_service.alerts.adapters import (
    alertmanager,
    dingtalk,
    feishu,
    slack,
    webhook,
    wecom,
)
from gadwatch_service.alerts.adapters.base import HttpAdapter
from gadwatch_service.alerts.backoff import (
    DELAYS_S,
    MAX_ATTEMPTS,
    delay_s,
    pause_s,
)
from gadwatch_service.alerts.outcome import Reply, Result, result_of, retry_after_s

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)

ADAPTERS = {
    "slack": (slack.ADAPTER, "ok"),
    "webhook": (webhook.ADAPTER, ""),
    "alertmanager": (alertmanager.ADAPTER, ""),
    "feishu": (feishu.ADAPTER, '{"code":0,"msg":"success"}'),
    "dingtalk": (dingtalk.ADAPTER, '{"errcode":0,"errmsg":"ok"}'),
    "wecom": (wecom.ADAPTER, '{"errcode":0,"errmsg":"ok"}'),
}


def expected(status: int) -> Result:
    """The table of the specification, written down a second time."""
    if status in range(200, 300):
        return Result.DELIVERED
    if status in (408, 429) or status in range(500, 600):
        return Result.RETRY
    if status in (404, 410):
        return Result.GONE
    return Result.REJECTED


@pytest.mark.parametrize(("adapter", "fine"), ADAPTERS.values(), ids=list(ADAPTERS))
def test_every_adapter_follows_the_table_for_every_code(adapter: HttpAdapter, fine: str) -> None:
    for status in range(100, 600):
        outcome = adapter.judge(Reply(status, fine), NOW)
        assert outcome.result is expected(status) is result_of(status), status
        assert outcome.status == status


@pytest.mark.parametrize(
    ("name", "body", "result"),
    [
        ("slack", "invalid_payload", Result.REJECTED),
        ("slack", "", Result.REJECTED),
        ("slack", '{"ok":false,"error":"invalid_blocks"}', Result.REJECTED),
        ("slack", '{"ok":false,"error":"ratelimited"}', Result.RETRY),
        ("slack", '{"ok":true}', Result.DELIVERED),
        ("slack", '{"success":true}', Result.DELIVERED),
        ("feishu", '{"code":19021,"msg":"sign match fail"}', Result.REJECTED),
        ("feishu", '{"code":11232,"msg":"frequency limited"}', Result.RETRY),
        ("feishu", '{"code":19001,"msg":"incoming webhook access token invalid"}', Result.GONE),
        ("feishu", '{"StatusCode":0,"StatusMessage":"success"}', Result.DELIVERED),
        ("feishu", "<html>a login page</html>", Result.REJECTED),
        ("feishu", '{"code":"0"}', Result.REJECTED),
        ("dingtalk", '{"errcode":310000,"errmsg":"sign not match"}', Result.REJECTED),
        ("dingtalk", '{"errcode":130101,"errmsg":"send too fast"}', Result.RETRY),
        ("dingtalk", '{"errcode":-1,"errmsg":"busy"}', Result.RETRY),
        ("dingtalk", '{"errcode":300001,"errmsg":"token is not exist"}', Result.GONE),
        ("dingtalk", "{}", Result.REJECTED),
        ("dingtalk", "[]", Result.REJECTED),
        ("wecom", '{"errcode":93000,"errmsg":"invalid webhook url"}', Result.GONE),
        ("wecom", '{"errcode":45009,"errmsg":"api freq out of limit"}', Result.RETRY),
        ("wecom", '{"errcode":40008,"errmsg":"invalid message type"}', Result.REJECTED),
    ],
)
def test_an_error_inside_a_200_is_an_error(name: str, body: str, result: Result) -> None:
    adapter, _ = ADAPTERS[name]
    outcome = adapter.judge(Reply(200, body), NOW)
    assert outcome.result is result
    assert result is Result.DELIVERED or outcome.detail


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("Sat, 01 Mar 2025 12:01:00 GMT", 60.0),
        ("Sat, 01 Mar 2025 11:00:00 GMT", 0.0),
        ("99999999", 86400.0),
        ("-5", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


def test_a_wait_is_taken_from_replies_that_pass_only() -> None:
    headers = {"retry-after": "30"}
    assert slack.ADAPTER.judge(Reply(429, "", headers), NOW).retry_after_s == 30
    assert slack.ADAPTER.judge(Reply(400, "", headers), NOW).retry_after_s is None


def test_the_back_off_grows_from_5_seconds_to_24_hours_and_ends() -> None:
    middle = [delay_s(attempt, None, lambda: 0.5) for attempt in range(1, MAX_ATTEMPTS)]
    assert middle == list(DELAYS_S)
    assert middle[0] == 5
    assert middle[-1] == 24 * 3600
    assert delay_s(MAX_ATTEMPTS, None, lambda: 0.5) is None


@given(
    st.integers(1, MAX_ATTEMPTS - 1),
    st.floats(0, 1),
    st.one_of(st.none(), st.floats(0, 86400)),
)
def test_the_jitter_stays_within_a_fifth_and_never_before_retry_after(
    attempts: int, dice: float, asked: float | None
) -> None:
    delay = delay_s(attempts, asked, lambda: dice)
    assert delay is not None
    assert delay >= (asked or 0)
    assert delay >= DELAYS_S[attempts - 1] * 0.8 - 1e-9
    assert delay <= max(DELAYS_S[attempts - 1] * 1.2 + 1e-9, asked or 0)


def test_the_breaker_opens_after_5_failures_and_rests_at_most_15_minutes() -> None:
    assert [pause_s(failures) for failures in (0, 4, 5, 6)] == [None, None, 15, 30]
    assert pause_s(1000) == 900
