"""Each kind of rule by itself, through the engine, on the smallest pack that has it."""

import math
import random

import pytest

from gadwatch_rules import Step
from gadwatch_rules.engine import Engine
from gadwatch_rules.pack import parse_pack
from gadwatch_rules.series_notation import parse_series

HEAD = 'name = "one"\nversion = 1\nstage = "generic"\n[rules.r]\n'


def judge(rule: str, **series: str) -> list[tuple[str, str, int]]:
    """Fold columns in series notation; give back (state, severity, step) of each change."""
    pack = parse_pack(HEAD + rule, "one.toml")
    engine = Engine(
        None,
        253,
        [pack, *(parse_pack(HEAD.replace("generic", s) + rule) for s in ("warmup", "stage2"))],
    )
    columns = {name: parse_series(text, name) for name, text in series.items()}
    length = max(map(len, columns.values()))
    steps = [
        Step(at + 1, {n: v[at] for n, v in columns.items() if at < len(v) and v[at] is not None})
        for at in range(length)
    ]
    state = engine.new_state()
    changes = engine.advance(state, steps)
    return [
        (one.state, one.severity, one.step) for one in changes.findings if one.state != "pending"
    ]


BAND = 'kind = "band"\nmetric = "x"\ncritical_low = 1\nok_low = 2\nok_high = 4\ncritical_high = 5\n'


def test_band_fires_on_five_of_eight_and_resolves_after_eight_clean() -> None:
    assert judge(BAND, x="3x20 4.5x30 3x20") == [
        ("firing", "warning", 29),
        ("resolved", "warning", 61),
    ]


def test_band_is_silent_on_single_excursions() -> None:
    assert judge(BAND, x="3x20 9 3x20 0 3x20 9x2 3x20") == []


def test_band_escalates_and_resolves_as_critical() -> None:
    assert judge(BAND, x="3x20 4.5x20 9x20 3x30")[:2] == [
        ("firing", "warning", 29),
        ("firing", "critical", 48),
    ]


def test_band_falls_back_to_warning_when_only_the_critical_part_is_over() -> None:
    found = [one[:2] for one in judge(BAND, x="3x20 9x20 4.5x40")]
    assert found[-2:] == [("firing", "critical"), ("firing", "warning")]


def test_band_does_not_flap_on_its_bound() -> None:
    noise = random.Random(1)
    text = " ".join(f"{4 + noise.gauss(0, 0.2):.4f}" for _ in range(600))
    found = judge(BAND + "margin = 0.01\n", x=text)
    assert [one[0] for one in found].count("firing") <= 1


def test_band_sees_a_small_shift_that_noise_hides_from_a_short_look() -> None:
    noise = random.Random(2)
    text = " ".join(f"{4.4 + noise.gauss(0, 0.5):.4f}" for _ in range(200))
    assert ("firing", "warning") in [one[:2] for one in judge(BAND, x=text)]


def test_absolute_band_judges_both_signs() -> None:
    rule = 'kind = "band"\nmetric = "x"\nabsolute = true\nok_high = 4\n'
    assert [one[0] for one in judge(rule, x="1x10 -6x20")] == ["firing"]


RANGE = 'kind = "range"\nmetric = "x"\nlow = -10\nhigh = 5\nhold = { fire = 3, window = 8 }\n'


def test_range_is_critical_after_its_hold() -> None:
    assert judge(RANGE, x="-2x10 6x2 -2x20") == []
    assert judge(RANGE, x="-2x10 6x3") == [("firing", "critical", 13)]


CEILING = 'kind = "ceiling"\nmetric = "x"\n'


def test_an_isolated_spike_is_a_warning_that_passes() -> None:
    assert judge(CEILING, x="1x10 39.18 1x20") == [
        ("firing", "warning", 11),
        ("resolved", "warning", 19),
    ]


def test_three_spikes_in_ten_steps_are_an_explosion() -> None:
    assert judge(CEILING, x="1x10 20 1 20 1x3 20 1x2")[-1] == ("firing", "critical", 17)


def test_two_spikes_far_apart_are_no_explosion() -> None:
    assert {one[1] for one in judge(CEILING, x="1x10 20 1x12 20 1x12 20 1x10")} == {"warning"}


def test_a_burst_is_critical_at_once() -> None:
    assert judge(CEILING, x="1x10 101") == [("firing", "critical", 11)]


def test_a_raised_level_is_a_warning() -> None:
    assert judge(CEILING, x="1x10 7x10") == [("firing", "warning", 19)]


STABILITY = (
    'kind = "stability"\nmetric = "x"\nslow = 0.1\nhold = { fire = 2, window = 3, clean = 3 }\n'
)


@pytest.mark.parametrize(
    "series",
    [
        "0.53~0.005x300",
        "0.7-0.002x250",
        "0.53~0.03x300",
        " ".join(f"{0.693 * 0.99**at:.4f}" for at in range(250)),
    ],
)
def test_steady_and_falling_losses_are_stable(series: str) -> None:
    assert judge(STABILITY, x=series) == []


def test_fast_swings_are_seen() -> None:
    text = "0.5~0.005x60 " + " ".join(["0.9", "0.1"] * 20)
    assert judge(STABILITY, x=text)[0][:2] in {("firing", "warning"), ("firing", "critical")}


@pytest.mark.parametrize("period", [16, 25, 40])
def test_slow_swings_are_seen(period: int) -> None:
    text = "0.5x60 " + " ".join(
        f"{0.5 + 0.25 * math.sin(2 * math.pi * at / period):.4f}" for at in range(120)
    )
    assert [one[0] for one in judge(STABILITY, x=text)][:1] == ["firing"]


def trend(direction: str = "down") -> str:
    return (
        f'kind = "trend"\nmetric = "x"\ndirection = "{direction}"\nchange = 0.3\n'
        "hold = { fire = 3, window = 4, clean = 2 }\n"
    )


def test_a_trend_in_the_bad_direction_is_a_warning_and_the_other_is_not() -> None:
    falling = "1~0.05x60 1-0.02~0.05x60"
    assert judge(trend("down"), x=falling)[0][:2] == ("firing", "warning")
    assert judge(trend("up"), x=falling) == []


def correlated(seed: int, count: int = 1000, rho: float = 0.6) -> str:
    noise = random.Random(seed)
    value, values = 0.0, []
    for _ in range(count):
        value = rho * value + noise.gauss(0, 0.1)
        values.append(f"{value:.4f}")
    return " ".join(values)


def test_correlated_noise_is_no_trend() -> None:
    episodes = [one for seed in range(5) for one in judge(trend("down"), x=correlated(seed))]
    assert episodes == []


def test_plateau_is_seen_when_all_metrics_are_level() -> None:
    rule = 'kind = "plateau"\nmetric = "x"\ntogether = ["y"]\nseverity = "info"\nsteps = 100\n'
    rule += "hold = { fire = 1, window = 1, clean = 1 }\n"
    assert judge(rule, x="1~0.01x120", y="2~0.01x120") == [("firing", "info", 100)]
    assert judge(rule, x="1~0.01x120", y="0+0.02x120") == []


IDENTITY = (
    'kind = "identity"\nmetric = "x"\nterms = { y = 1.0, z = -1.0 }\noptional = { w = 1.0 }\n'
    'severity = "notice"\n'
)


def test_identity_holds_within_its_tolerance() -> None:
    assert judge(IDENTITY, x="1.81x10", y="1.8x10", z="0x10") == []
    assert judge(IDENTITY, x="1.81x10", y="1.81x10", z="-1.33x10") == [("firing", "notice", 5)]


def test_identity_waits_for_all_its_parts_and_takes_optional_ones() -> None:
    assert judge(IDENTITY, x="5x10", y="1x10") == []
    assert judge(IDENTITY, x="5x10", y="1x10", z="0x10", w="4x10") == []


def test_jensen_needs_a_temperature() -> None:
    rule = 'kind = "jensen"\nmetric = "critic/ranking_loss"\nseverity = "notice"\n'
    columns = {"critic/ranking_loss": "0.02x10", "critic/score_diff": "1x10"}
    assert judge(rule, **columns) == []
    assert judge(rule, **columns, **{"critic/temperature": "1x10"}) == [("firing", "notice", 5)]
    fine = {
        "critic/ranking_loss": "0.45x10",
        "critic/score_diff": "1x10",
        "critic/temperature": "1x10",
    }
    assert judge(rule, **fine) == []


def test_gap_is_judged_when_the_other_metric_comes() -> None:
    rule = 'kind = "gap"\nmetric = "x"\nother = "y"\nhold = { fire = 2, window = 3, clean = 2 }\n'
    assert judge(rule, x="0.77x20", y="_x9 0.45 _x10") == [("firing", "critical", 10)]
    assert judge(rule, x="0.77x20", y="_x9 0.58 _x5 0.58") == [("firing", "warning", 16)]
    assert judge(rule, x="0.77x20", y="_x9 0.70 _x5 0.70") == []


JUMP = 'kind = "jump"\nmetric = "x"\nseverity = "notice"\n'


def test_a_jump_is_noticed_at_once() -> None:
    assert judge(JUMP, x="0.64~0.02x10 0.952 0.95x3") == [("firing", "notice", 11)]


def test_small_batches_do_not_jump() -> None:
    assert judge(JUMP, x="0.6~0.125x400") == []


def test_learning_is_no_jump() -> None:
    assert judge(JUMP, x="0.5+0.02x20") == []


RELATIVE = (
    'kind = "relative"\nmetric = "x"\nagainst = "start"\nreference = 20\nsmooth = 1\n'
    "critical_low = 0.2\nok_low = 0.5\nok_high = 2\ncritical_high = 3\n"
)


def test_relative_to_start_needs_its_start() -> None:
    assert judge(RELATIVE, x="100x10 900x5") == []


def test_relative_to_start_grades_growth_and_shrinking() -> None:
    assert judge(RELATIVE, x="100x20 250x8") == [("firing", "warning", 25)]
    assert judge(RELATIVE, x="100x20 350x8") == [("firing", "critical", 25)]
    assert judge(RELATIVE, x="100x20 7x8") == [("firing", "critical", 25)]
    assert judge(RELATIVE, x="100~10x20 120~20x200") == []


def test_relative_to_the_past_forgives_slow_change() -> None:
    rule = (
        'kind = "relative"\nmetric = "x"\nagainst = "past"\nreference = 8\nlag = 20\nok_low = 0.5\n'
    )
    assert judge(rule, x="1-0.004x200") == []
    assert judge(rule, x="1x40 0.4x20")[0][:2] == ("firing", "warning")


SPIKE = 'kind = "spike"\nmetric = "x"\n'


def test_spikes_are_relative_to_the_runs_own_level() -> None:
    assert judge(SPIKE, x="30~5x100 60 30~5x20") == []
    assert judge(SPIKE, x="0.1~0.01x60 2 0.1x20")[0] == ("firing", "warning", 61)
    assert judge(SPIKE, x="0.1~0.01x60 2x3")[-1] == ("firing", "critical", 63)


CONDITIONS = """kind = "conditions"
metric = "x"
all = ["x < 0.4", "abs(y) > 1"]
critical = true
smooth = 1
"""


def test_conditions_must_hold_together() -> None:
    assert judge(CONDITIONS, x="0.3x10", y="-2x10") == [("firing", "critical", 5)]
    assert judge(CONDITIONS, x="0.3x10", y="0.5x10") == []
    assert judge(CONDITIONS, x="0.3x10") == []


def test_missing_is_a_warning_at_once_and_ends_when_the_metric_comes() -> None:
    rule = (
        'kind = "missing"\nmetric = "x"\nsteps = 20\nhold = { fire = 1, window = 1, clean = 1 }\n'
    )
    assert judge(rule, x="1x5 _x30 1x3", y="1x38") == [
        ("firing", "warning", 25),
        ("resolved", "warning", 36),
    ]


def test_a_metric_never_logged_cannot_vanish() -> None:
    rule = 'kind = "missing"\nmetric = "x"\nvanished = true\n'
    rule += "hold = { fire = 1, window = 1, clean = 1 }\n"
    assert judge(rule, y="1x50") == []
    assert judge(rule, x="1", y="1x50") == [("firing", "warning", 21)]


def test_unknown_is_neither_good_nor_bad() -> None:
    assert judge(BAND, x="9x4 _x50 9x1") == [("firing", "critical", 55)]


def test_band_sees_a_shift_right_after_a_spike() -> None:
    assert judge(BAND, x="3~0.1x40 1000 3~0.1x3 4.6~0.1x20")[0][:2] == ("firing", "warning")


def test_the_high_side_of_a_band_is_pending_for_its_first_steps() -> None:
    assert judge(BAND, x="4.5x12 3x20") == [("resolved", "warning", 23)]
    assert judge(BAND, x="4.5x40")[0] == ("firing", "warning", 21)
