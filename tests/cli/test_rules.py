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
