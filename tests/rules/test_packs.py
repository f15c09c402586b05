from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gadwatch_rules import Engine, PackError, load_pack, shipped_packs
from gadwatch_rules.pack import parse_pack
from gadwatch_rules.primitives import KINDS
from gadwatch_rules.texts import LANGUAGES, catalogue, text

HEAD = 'name = "mine"\nversion = 1\nstage = "warmup"\n'
BAND = HEAD + '[rules.a]\nkind = "band"\nmetric = "critic/d_acc"\nok_low = 0.5\n'


def problem(source: str) -> PackError:
    with pytest.raises(PackError) as caught:
        parse_pack(source, "mine.toml")
    return caught.value


@pytest.mark.parametrize("name", shipped_packs())
def test_shipped_packs_document_every_rule(name: str) -> None:
    pack = load_pack(name)
    assert pack.label == f"{name}@1"
    for entry in pack.entries:
        assert entry.source, entry.id
        for lang in LANGUAGES:
            words = text("rules", entry.id, lang)
            assert words["title"]
            assert words["why"]
            assert words["advice"]


def test_every_kind_of_rule_is_used_by_a_shipped_pack() -> None:
    used = {entry.kind for name in shipped_packs() for entry in load_pack(name).entries}
    assert used == set(KINDS)


def test_a_pack_may_use_aliases() -> None:
    pack = parse_pack(BAND.replace("critic/d_acc", "d_acc"), "mine.toml")
    assert pack.rules[0].metric == "critic/d_acc"


@pytest.mark.parametrize(
    ("source", "line", "rule", "words"),
    [
        ('name = "x"\nversion = \n', 2, "", "not valid TOML"),
        ('name = "x"\nversion = "1"\n', 2, "", "version must be a whole number"),
        (HEAD.replace("warmup", "cooldown") + "[rules.a]\n", 3, "", "expected one of warmup"),
        (HEAD, 1, "", "at least one rule"),
        (HEAD + "colour = 3\n[rules.a]\n", 4, "", "unknown key 'colour'"),
        (HEAD + '[rules.a]\nkind = "bend"\n', 5, "a", "expected one of band"),
        (HEAD + '[rules.a]\nkind = "band"\n', 4, "a", "either metric"),
        (BAND + "ok_lou = 1\n", 8, "a", "unknown key 'ok_lou'"),
        (BAND + 'ok_high = "1"\n', 8, "a", "must be a number"),
        (BAND + "ok_high = true\n", 8, "a", "must be a number"),
        (BAND + "ok_high = nan\n", 8, "a", "must be a number"),
        (BAND + "ok_high = 0.4\n", 4, "a", "expected critical_low"),
        (BAND + "hold = { fire = 9, window = 8 }\n", 8, "a", "fire <= window"),
        (BAND + "hold = { fires = 9 }\n", 8, "a", "unknown key 'fires'"),
        (BAND + 'severity = "loud"\n', 8, "a", "expected one of info"),
        (BAND + "[gate]\nwindow = 2\n", 8, "", "between 10 and 1000"),
        (BAND + "[gate]\nwidth = 2\n", 9, "", "unknown key 'width'"),
        (
            HEAD + '[rules.a]\nkind = "conditions"\nmetric = "x"\nall = ["x ~ 3"]\n',
            4,
            "a",
            "is no condition",
        ),
        (
            HEAD + '[rules.a]\nkind = "trend"\nmetric = "x"\ndirection = "left"\n',
            4,
            "a",
            'expected "up" or "down"',
        ),
    ],
)
def test_a_broken_pack_names_file_line_and_rule(
    source: str, line: int, rule: str, words: str
) -> None:
    error = problem(source)
    assert (error.file, error.line, error.rule) == ("mine.toml", line, rule)
    assert words in str(error)
    assert str(error).startswith(f"mine.toml:{line}: ")


def test_a_pack_that_is_not_there_names_the_shipped_ones(tmp_path: Path) -> None:
    with pytest.raises(PackError, match="gad-warmup, gad-stage2, rl-generic"):
        load_pack(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"d_acc_bund": {"ok_high": 0.9}}, "no such rule"),
        ({"d_acc_band": {"ok_hi": 0.9}}, "no threshold 'ok_hi'"),
        ({"d_acc_band": {"ok_high": "0.9"}}, "must be a number"),
        ({"d_acc_band": 0.9}, "table of thresholds"),
        ({"gate": {"patience": 3}}, "no threshold 'patience'"),
        ({"d_acc_band": {"ok_high": 0.1}}, "expected critical_low"),
        ({"d_acc_band": {"smooth": 0}}, "smooth is 0, expected a whole number from 1 to 1000"),
        ({"d_acc_band": {"smooth": -3}}, "smooth is -3, expected a whole number"),
        ({"generalisation": {"smooth": 1.5}}, "smooth is 1.5, expected a whole number"),
        ({"length_change": {"reference": 1e12}}, r"reference is 1e\+12, expected a whole number"),
        ({"reward_plateau": {"steps": 3}}, "steps is 3, expected a whole number from 10"),
        ({"ranking_loss_stability": {"fast": 0}}, "fast and slow must be above 0"),
        ({"missing": {"steps": -5}}, "steps must be at least 1"),
    ],
)
def test_a_wrong_override_is_an_error(overrides: dict[str, Any], words: str) -> None:
    with pytest.raises(PackError, match=words):
        Engine.for_run("warmup", 253, overrides)


def test_an_override_changes_the_rule_and_the_label_and_the_fingerprint() -> None:
    plain = Engine.for_run("warmup", 253)
    other = Engine.for_run("warmup", 253, {"finite": {}, "d_acc_band": {"ok_high": 0.97}})
    program = other.program(other.new_state())
    assert program.pack.entry("d_acc_band").thresholds["ok_high"] == 0.97
    assert program.pack.label == "gad-warmup@1+"
    assert plain.fingerprint != other.fingerprint


def test_an_own_pack_replaces_the_one_of_its_stage(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(BAND)
    engine = Engine.for_run("warmup", 253, packs=[str(path)])
    assert engine.assess(engine.new_state(), "r").pack == "mine@1"


def test_both_languages_have_the_same_texts() -> None:
    def keys(table: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[Any, ...]]:
        for key, value in table.items():
            if isinstance(value, dict):
                yield from keys(value, (*path, key))
            else:
                yield (*path, key, type(value).__name__, placeholders(value))

    def placeholders(value: Any) -> tuple[str, ...]:
        import re

        parts = value if isinstance(value, list) else [value]
        return tuple(sorted({name for part in parts for name in re.findall(r"{(\w+)}", part)}))

    english, chinese = (set(keys(catalogue(lang))) for lang in LANGUAGES)
    assert english == chinese


def test_every_reason_of_the_primitives_has_a_sentence() -> None:
    import re
    from importlib import resources

    reasons = set()
    for file in (resources.files("gadwatch_rules") / "primitives").iterdir():
        if file.name.endswith(".py"):
            source = file.read_text("utf-8")
            reasons.update(re.findall(r'Result\(\s*[^"()]*"(\w+)"', source))
    assert {"not_finite", "below", "gap", "spike", "level", "silent"} <= reasons
    assert reasons <= set(catalogue("en")["reasons"])


def test_every_clause_and_diagnosis_has_its_texts() -> None:
    from gadwatch_rules.diagnoses import PATTERNS
    from gadwatch_rules.measures import CLAUSES

    for lang in LANGUAGES:
        texts = catalogue(lang)
        assert set(texts["clauses"]) == {clause.__name__ for clause in CLAUSES}
        assert set(texts["diagnoses"]) == {pattern.__name__ for pattern, _ in PATTERNS}
        for words in texts["clauses"].values():
            assert {"title", "asks", "pass", "fail"} <= set(words)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(ValueError, match="expected one of en, zh"):
        catalogue("fr")
