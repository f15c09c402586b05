from hypothesis import given
from hypothesis import strategies as st

from gadwatch_service.access.attempts import Attempts


def test_a_few_mistakes_are_free() -> None:
    attempts = Attempts(per_minute=5)
    for _ in range(4):
        attempts.failed("10.0.0.1", now=0)
    assert attempts.wait_seconds("10.0.0.1", now=0) == 0


def test_many_mistakes_must_wait_and_may_come_back() -> None:
    attempts = Attempts(per_minute=6)
    for _ in range(6):
        attempts.failed("10.0.0.1", now=0)
    assert attempts.wait_seconds("10.0.0.1", now=0) == 10
    assert attempts.wait_seconds("10.0.0.1", now=10) == 0


def test_addresses_are_apart() -> None:
    attempts = Attempts(per_minute=1)
    attempts.failed("10.0.0.1", now=0)
    assert attempts.wait_seconds("10.0.0.1", now=0) > 0
    assert attempts.wait_seconds("10.0.0.2", now=0) == 0


def test_memory_is_bounded_whatever_addresses_come() -> None:
    attempts = Attempts(per_minute=1)
    for number in range(12_000):
        attempts.failed(str(number), now=0)
    assert len(attempts._buckets) == 10_000


@given(st.lists(st.floats(0, 30), min_size=1, max_size=60), st.integers(1, 20))
def test_nobody_fails_more_often_than_the_limit_plus_its_burst(
    pauses: list[float], per_minute: int
) -> None:
    attempts = Attempts(per_minute)
    now = 0.0
    failures = 0
    for pause in pauses:
        now += pause
        if attempts.wait_seconds("a", now) == 0:
            attempts.failed("a", now)
            failures += 1
    assert failures <= per_minute + now * per_minute / 60 + 1e-6
