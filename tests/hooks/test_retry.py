from email.utils import formatdate
from random import Random

import pytest

from gadwatch_hooks.breaker import Breaker
from gadwatch_hooks.retry import LONGEST_WAIT, Decision, decide, parse_retry_after, wait_seconds

SPLIT = {400, 413, 422}
AGAIN = {408, 425, 429}


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_its_decision(status: int) -> None:
    expected = (
        Decision.DONE
        if 200 <= status < 300
        else Decision.SPLIT
        if status in SPLIT
        else Decision.AGAIN
        if status in AGAIN or status < 200 or status >= 500
        else Decision.HOLD
    )
    assert decide(status) is expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("100000", 300.0),
        ("-1", None),
        ("soon", None),
        (formatdate(1_000_030, usegmt=True), 30.0),
        (formatdate(999_000, usegmt=True), 0.0),
    ],
)
def test_retry_after_is_a_number_or_a_date(header: str | None, seconds: float | None) -> None:
    assert parse_retry_after(header, now=1_000_000.0) == seconds


@pytest.mark.parametrize("failures", [1, 2, 5, 50, 5000])
def test_waits_double_with_jitter_up_to_a_limit(failures: int) -> None:
    waits = [wait_seconds(failures, Random(seed)) for seed in range(50)]
    ceiling = min(LONGEST_WAIT, 0.5 * 2.0 ** min(failures - 1, 10))
    assert all(ceiling / 2 <= wait <= ceiling for wait in waits)
    assert len(set(waits)) > 40


def test_the_breaker_opens_after_three_failures_and_closes_after_one_success() -> None:
    now = 0.0
    breaker = Breaker(lambda: now, Random(1))
    opened = []
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
        assert not breaker.allows()
        opened.append(breaker.is_open)
        now += LONGEST_WAIT
    assert opened == [False, False, True]
    assert breaker.allows()
    breaker.succeeded()
    assert not breaker.is_open


def test_the_service_may_ask_for_a_longer_wait() -> None:
    now = 0.0
    breaker = Breaker(lambda: now, Random(1))
    breaker.failed(retry_after=100.0)
    now = 99.0
    assert not breaker.allows()
    now = 100.0
    assert breaker.allows()


def test_a_refusal_opens_at_once() -> None:
    breaker = Breaker(lambda: 0.0, Random(1))
    breaker.refused()
    assert breaker.is_open
    assert not breaker.allows()
