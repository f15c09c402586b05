from pathlib import Path

from tests.cli.running import gadwatch

from gadwatch_rules import load_pack


def test_every_shipped_rule_can_be_listed_and_shown() -> None:
    listed = gadwatch("rules", "list").out
    for pack in map(load_pack, ("gad-warmup", "gad-stage2", "rl-generic")):
        for entry in pack.entries:
            assert entry.id in listed
    shown = gadwatch("rules", "show", "grad_norm_ceiling")
    assert shown.code == 0
    assert "critic/grad_norm" in shown.out


def test_a_sound_pack_validates(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(gadwatch("rules", "show", "gad-warmup").out)
    outcome = gadwatch("rules", "validate", str(path))
    assert outcome.code == 0
    assert "is sound" in outcome.out


def test_a_broken_pack_is_named_with_its_line_and_rule(tmp_path: Path) -> None:
    text = gadwatch("rules", "show", "gad-warmup").out
    path = tmp_path / "own.toml"
    path.write_text(text.replace('kind = "band"', 'kind = "bend"', 1))
    outcome = gadwatch("rules", "validate", str(path))
    line = path.read_text().splitlines().index('kind = "bend"') + 1
    assert outcome.code == 2
    assert f"own.toml:{line}" in outcome.err.replace(", line ", ":")
    assert "bend" in outcome.err


CASES = """
[[case]]
name = "a NaN is critical at once"
stage = "warmup"
series."critic/d_acc" = "0.8x60 nan"

[[case.expect]]
health = "{health}"
"""


def test_cases_of_a_user_run_and_the_exit_code_tells(tmp_path: Path) -> None:
    path = tmp_path / "cases.toml"
    path.write_text(CASES.format(health="critical"))
    assert gadwatch("rules", "test", str(path)).code == 0
    path.write_text(CASES.format(health="ok"))
    outcome = gadwatch("rules", "test", str(path))
    assert outcome.code == 1
    assert "critical" in outcome.out


def test_a_broken_case_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "cases.toml"
    path.write_text(CASES.format(health="ok").replace("0.8x60 nan", "0.8x60 what"))
    outcome = gadwatch("rules", "test", str(path))
    assert outcome.code == 2
    assert "cases.toml" in outcome.err
    assert "what" in outcome.err
