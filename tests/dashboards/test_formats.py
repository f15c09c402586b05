import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gadwatch_dashboards import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9473, "0.9473"),
        (-1.88, "−1.88"),
        (0, "0"),
        (253, "253"),
        (1_000_000, "1,000,000"),
        (2.26e-5, "2.26e-05"),
        (39.184, "39.18"),
        (math.nan, "NaN"),
        (-math.inf, "−Infinity"),
        (None, "–"),
        ("Infinity", "Infinity"),
    ],
)
def test_numbers_have_four_digits_and_words_where_they_are_not_finite(
    value: object, text: str
) -> None:
    assert formats.number(value) == text


@given(st.floats(min_value=-1e300, max_value=1e300))
def test_a_written_number_reads_back_close_to_itself(value: float) -> None:
    text = formats.number(value).replace("−", "-").replace(",", "")
    assert math.isclose(float(text), value, rel_tol=6e-3, abs_tol=0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12, "12 s"), (60, "1 min"), (200, "3 min 20 s"), (7500, "2 h 5 min"), (90000, "1 d 1 h")],
)
def test_spans_show_their_two_leading_units(seconds: float, text: str) -> None:
    assert formats.span(seconds) == text


def test_ages_never_run_backwards_when_clocks_differ() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    assert formats.age(now + timedelta(seconds=5), now) == "0 s"
    assert formats.age(now - timedelta(minutes=4), now) == "4 min"
    assert formats.age(None, now) == "–"
