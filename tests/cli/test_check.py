import json
import os
from pathlib import Path

import pytest
from tests.cli.running import gadwatch

REFERENCE = {
    "reward/discriminator_mean": -1.88,
    "critic/rewards/mean": -1.88,
    "critic/d_acc": 0.9473,
    "critic/score_diff": 1.81,
    "critic/teacher_score_mean": 1.81,
    "critic/student_score_mean": -1.33,
    "critic/grad_norm": 0.398,
    "critic/ranking_loss": 0.530,
}
"""The reference run's step 253."""


def public_logs() -> Path:
    folder = Path(os.environ.get("GADWATCH_TEST_DATA", "../shared/data"))
    if not folder.is_dir():
        pytest.skip("the public logs are not here; GADWATCH_TEST_DATA names their folder")
    return folder


def write_jsonl(path: Path, steps: list[dict[str, float]]) -> Path:
    lines = [json.dumps({"step": n, "data": data}) for n, data in enumerate(steps, 1)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_reference_step_is_healthy_ready_and_its_negative_reward_normal() -> None:
    outcome = gadwatch("check", "--snapshot", json.dumps(REFERENCE), "--json")
    assessment = json.loads(outcome.out)
    assert outcome.code == 0
    assert assessment["health"] == "ok"
    assert assessment["readiness"]["verdict"] == "ready"
    assert assessment["basis"] == "snapshot"
    assert "negative_reward_is_normal" in [d["id"] for d in assessment["diagnoses"]]


def test_a_person_reads_the_verdict_the_clauses_and_the_diagnosis() -> None:
    outcome = gadwatch("check", "--snapshot", json.dumps(REFERENCE))
    assert "ready for stage 2" in outcome.out
    assert "d_acc_band" in outcome.out
    assert "negative_reward_is_normal" in outcome.out


def test_a_log_that_ends_in_nan_is_critical_and_the_exit_code_says_so(tmp_path: Path) -> None:
    log = write_jsonl(tmp_path / "run.jsonl", [REFERENCE] * 60 + [{"critic/d_acc": float("nan")}])
    outcome = gadwatch("check", str(log), "--json")
    assessment = json.loads(outcome.out)
    assert outcome.code == 1
    assert assessment["health"] == "critical"
    critical = [f for f in assessment["findings"] if f["severity"] == "critical"]
    assert [(f["rule"], f["state"]) for f in critical] == [("finite", "firing")]


def test_several_logs_are_judged_one_after_the_other(tmp_path: Path) -> None:
    first = write_jsonl(tmp_path / "a.jsonl", [REFERENCE] * 60)
    second = write_jsonl(tmp_path / "b.jsonl", [REFERENCE] * 60)
    outcome = gadwatch("check", str(first), str(second))
    assert outcome.code == 0
    assert "a.jsonl" in outcome.out
    assert "b.jsonl" in outcome.out


def test_all_steps_of_a_public_verl_log_are_read_with_both_lines_of_step_0() -> None:
    log = public_logs() / "verldata__qwen2-7b_gpg_math.log"
    outcome = gadwatch("check", str(log))
    # Steps 0 to 210; step 0 has a validation line and the initial one.
    assert "211 steps" in outcome.err
    assessment = json.loads(gadwatch("check", str(log), "--json").out)
    assert assessment["last_step"] == 210
    assert assessment["pack"].startswith("rl-generic@")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check"], "name a log file"),
        (["check", "no-such-file.log"], "no-such-file.log"),
        (["check", "a.log", "--snapshot", "{}"], "not both"),
        (["check", "--snapshot", "{"], "no JSON"),
        (["check", "--snapshot", '{"critic/d_acc": "high"}'], "critic/d_acc"),
        (["check", "--snapshot", '{"critic/dacc": 0.9}'], "found critic/dacc"),
        (["check", "--snapshot", '{"critic/d_acc": 0.9}', "--lang", "fr"], "en or zh"),
        (["check", "--no-such-option"], "--no-such-option"),
        (["no-such-command"], "no-such-command"),
    ],
)
def test_wrong_usage_is_one_clear_line_and_exit_code_2(arguments: list[str], said: str) -> None:
    outcome = gadwatch(*arguments)
    assert outcome.code == 2
    assert said in outcome.err
    assert len(outcome.err.strip().splitlines()) == 1


def test_a_log_without_a_usable_metric_says_what_was_looked_for_and_found(tmp_path: Path) -> None:
    log = write_jsonl(tmp_path / "other.jsonl", [{"loss/cosine": 0.5}] * 3)
    outcome = gadwatch("check", str(log))
    assert outcome.code == 2
    assert "critic/d_acc" in outcome.err
    assert "loss/cosine" in outcome.err
