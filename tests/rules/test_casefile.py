import math
from pathlib import Path

import pytest

from gadwatch_rules import PackError
from gadwatch_rules.casefile import load_cases, parse_cases, run_cases
from gadwatch_rules.series_notation import parse_series

GOOD = """\
warmup_steps = 253

[overrides.d_acc_band]
ok_high = 0.97

[[case]]
name = "a NaN is critical at once"
stage = "warmup"
series."critic/d_acc" = "0.8~0.02x60 nan"
series."critic/grad_norm" = "0.4x61"

[[case.expect]]
at = 60
health = "warning"
firing = ["missing"]
quiet = ["finite", "d_acc_band"]

[[case.expect]]
health = "critical"
firing = ["finite:critical"]
diagnoses = ["broken_numbers"]

[[case]]
name = "an actor that dies"
series."actor/pg_loss" = "0.1x10 0x6"
series."actor/grad_norm" = "0.2x10 0x6"

[[case.expect]]
firing = ["dead_actor:critical"]
"""


def test_series_notation() -> None:
    assert parse_series("0.5+0.25x3 _x2 1x2 -3") == [0.5, 0.75, 1.0, None, None, 1.0, 1.0, -3.0]
    assert parse_series("1e-3-0.001x2") == [0.001, 0.0]
    broken = parse_series("nan inf -inf")
    assert math.isnan(broken[0] or 0)
    assert broken[1:] == [math.inf, -math.inf]


def test_noise_is_the_same_in_every_run() -> None:
    noisy = parse_series("0.9~0.02x50", "seed")
    assert noisy == parse_series("0.9~0.02x50", "seed")
    assert len(set(noisy)) == 50
    assert noisy != parse_series("0.9~0.02x50", "other")


@pytest.mark.parametrize("text", ["", "x5", "0.5x0", "0.5x", "1..2", "_+1x3", "0.5*3", "1x9999999"])
def test_a_wrong_series_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"series|values|gap"):
        parse_series(text)


def test_cases_pass_when_everything_is_as_expected() -> None:
    results = run_cases(parse_cases(GOOD))
    assert [(one.name, one.line, one.failures) for one in results] == [
        ("a NaN is critical at once", 6, ()),
        ("an actor that dies", 23, ()),
    ]


def test_a_failing_case_says_what_it_found_instead() -> None:
    wrong = GOOD.replace('health = "warning"', 'health = "ok"').replace(
        'firing = ["dead_actor:critical"]', 'quiet = ["dead_actor"]\nverdict = "ready"'
    )
    first, second = run_cases(parse_cases(wrong))
    assert not first.passed
    assert first.failures == ("line 12, step 60: health: expected ok, got warning",)
    assert second.failures[0] == (
        "line 28, step 16: verdict: expected ready, got insufficient_data"
    )
    assert second.failures[1].startswith("line 28, step 16: quiet: expected no dead_actor, got ")


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("warmup_steps", "warmup_step", 1, "unknown key 'warmup_step'"),
        ("ok_high = 0.97", "ok_hi = 0.97", 6, "no threshold 'ok_hi'"),
        ("0.8~0.02x60 nan", "0.8~0.02x60 none", 6, "'none' is no part of a series"),
        ("at = 60", "at = 99", 12, "up to the last one, 61"),
        ('firing = ["missing"]', 'fires = ["missing"]', 12, "unknown key 'fires'"),
        ('quiet = ["finite", "d_acc_band"]', 'quiet = "finite"', 12, "must be a list"),
        ('stage = "warmup"', 'stage = "warm"', 6, "expected warmup or stage2"),
        ('name = "an actor that dies"', "name = ", 24, "not valid TOML"),
    ],
)
def test_a_broken_case_file_names_the_line(old: str, new: str, line: int, words: str) -> None:
    assert old in GOOD
    with pytest.raises(PackError) as caught:
        parse_cases(GOOD.replace(old, new), "cases.toml")
    assert (caught.value.file, caught.value.line) == ("cases.toml", line)
    assert words in str(caught.value)


def test_cases_may_test_a_pack_beside_them(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(
        'name = "mine"\nversion = 2\nstage = "generic"\n'
        '[rules.too_warm]\nkind = "range"\nmetric = "gpu/temperature"\nhigh = 90\n'
        'title = "Too warm"\nhold = { fire = 1, window = 1 }\n'
    )
    file = tmp_path / "cases.toml"
    file.write_text(
        'pack = "mine.toml"\n[[case]]\nname = "warm"\nseries."gpu/temperature" = "80x5 95"\n'
        '[[case.expect]]\nfiring = ["too_warm:critical"]\n'
    )
    (result,) = run_cases(load_cases(file))
    assert result.passed, result.failures
    file.write_text(file.read_text().replace("firing", "quiet"))
    (result,) = run_cases(load_cases(file))
    assert "Too warm: gpu/temperature is 95, expected <= 90." in result.failures[0]


def test_a_case_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="cannot read the case file"):
        load_cases(tmp_path / "none.toml")
