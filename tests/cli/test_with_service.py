"""Commands against a real service process."""

import csv
import json
import math
from pathlib import Path

import pytest
from tests.cli.running import gadwatch
from tests.cli.test_check import REFERENCE, write_jsonl
from tests.serving import ServedProcess


@pytest.fixture(autouse=True)
def reach(served: ServedProcess, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GADWATCH_URL", served.url)
    monkeypatch.setenv("GADWATCH_TOKEN", served.token)
    monkeypatch.setenv("GADWATCH_DATA_DIR", str(served.data_dir))


def test_a_log_is_sent_judged_asked_for_and_reported(tmp_path: Path) -> None:
    log = write_jsonl(tmp_path / "warmup.jsonl", [REFERENCE] * 80)
    sent = gadwatch("import", str(log), "--run", "warmup-7", "--warmup-steps", "80")
    assert sent.code == 0, sent.err
    assert "80 steps taken" in sent.err

    again = gadwatch("import", str(log), "--run", "warmup-7")
    assert "0 steps taken, 80 already there" in again.err

    ready = gadwatch("ready", "warmup-7")
    assert ready.code == 0, ready.err
    assert json.loads(gadwatch("ready", "warmup-7", "--json").out)["ready"] is True
    assert gadwatch("ready", "warmup-7", "--wait").code == 0

    listed = gadwatch("runs")
    assert "warmup-7" in listed.out

    out = tmp_path / "analysis.html"
    assert gadwatch("report", "warmup-7", "-o", str(out)).code == 0
    assert "critic/d_acc" in out.read_text()


def test_an_unready_run_that_has_ended_is_not_waited_for(tmp_path: Path) -> None:
    log = write_jsonl(tmp_path / "short.jsonl", [REFERENCE] * 10)
    gadwatch("import", str(log), "--run", "short")
    outcome = gadwatch("ready", "short", "--wait")
    assert outcome.code == 1
    assert "has finished" in outcome.err


def test_a_growing_log_is_followed_without_loss_or_repeats(tmp_path: Path) -> None:
    log = write_jsonl(tmp_path / "growing.jsonl", [REFERENCE] * 5)
    assert gadwatch("tail", str(log), "--run", "grows", "--once").code == 0
    write_jsonl(log, [REFERENCE] * 8)
    assert gadwatch("tail", str(log), "--run", "grows", "--once").code == 0
    runs = json.loads(gadwatch("runs", "--json").out)["items"]
    row = next(row for row in runs if row["name"] == "grows")
    assert (row["name"], row["steps"], row["attempt"]) == ("grows", 8, 1)


def listed(token: str) -> str:
    """The first row of ``token list`` with this id or name in it."""
    return next(row for row in gadwatch("token", "list").out.splitlines() if token in row)


def test_tokens_are_made_listed_and_revoked() -> None:
    made = gadwatch("token", "create", "cluster-a", "--scope", "ingest", "--expires-days", "30")
    assert made.code == 0, made.err
    assert made.out.startswith("gw_")
    token = listed("cluster-a").split()[0]
    assert gadwatch("token", "revoke", token).code == 0
    assert "revoked" in listed(token)


def test_a_token_is_replaced_and_the_old_one_ends_after_the_overlap() -> None:
    gadwatch("token", "create", "[/cluster] :warning:")
    row = listed("[/cluster]")
    assert ":warning:" in row
    old = row.split()[0]
    made = gadwatch("token", "rotate", old, "--overlap-hours", "2")
    assert made.out.startswith("gw_"), made.err
    assert "revoked" not in listed(old)
    assert gadwatch("token", "rotate", old, "--overlap-hours", "0").code == 0
    assert "revoked" in listed(old)


@pytest.mark.parametrize(
    "arguments",
    [
        ("token", "create", "x", "--expires-days", "99999999"),
        ("token", "create", "x", "--scope", "root"),
        ("token", "rotate", "../runs"),
        ("token", "rotate", "0123456789ab"),
        ("token", "revoke", "../runs?x"),
        ("token", "list", "--url", "http://127.0.0.1:port"),
        ("token", "list", "--url", "http://[::1"),
    ],
)
def test_what_cannot_be_meant_is_one_line(arguments: tuple[str, ...]) -> None:
    outcome = gadwatch(*arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("gadwatch: ")
    assert len(outcome.err.splitlines()) == 1


def test_a_token_may_end_in_a_line_break(
    monkeypatch: pytest.MonkeyPatch, served: ServedProcess
) -> None:
    monkeypatch.setenv("GADWATCH_TOKEN", f"{served.token}\n")
    assert gadwatch("token", "list").code == 0


def test_no_name_is_markup(tmp_path: Path) -> None:
    log = write_jsonl(tmp_path / "a.jsonl", [REFERENCE] * 5)
    sent = gadwatch("import", str(log), "--run", "[/x] :warning: [red]y", "--project", "[/p]")
    assert sent.code == 0, sent.err
    assert "[/x] :warning: [red]y" in gadwatch("runs").out
    assert gadwatch("ready", "[/x] :warning: [red]y").code == 1


@pytest.mark.parametrize("wish", [("--project", "no-such"), ("-q", "no-such")])
def test_that_no_run_is_like_that_is_not_said_of_all(wish: tuple[str, str]) -> None:
    listed = gadwatch("runs", *wish)
    assert (listed.code, listed.out) == (0, "")
    assert listed.err == "No run is like that; `gadwatch runs` lists all.\n"


def test_endpoints_and_silences_are_added_listed_and_ended() -> None:
    added = gadwatch("endpoint", "add", "slack", "team", "https://hooks.slack.com/services/T/B/X")
    assert added.code == 0, added.err
    listed = gadwatch("endpoint", "list").out
    assert "team" in listed
    assert "/T/B/X" not in listed
    assert gadwatch("silence", "add", "--rule", "score_drift", "--for", "1h").code == 0
    silences = gadwatch("silence", "list").out
    assert "score_drift" in silences
    row = next(line for line in silences.splitlines() if "score_drift" in line)
    assert gadwatch("silence", "end", row.split()[0]).code == 0


def test_endpoints_are_told_how_to_tell_and_enabled_again() -> None:
    url, policy = "https://open.feishu.cn/open-apis/bot/v2/hook/x", '{"lang": "zh"}'
    added = gadwatch(
        "endpoint", "add", "feishu", "f", url, "--policy", policy, "--secret", "sssecret"
    )
    assert added.code == 0, added.err
    assert "sssecret" not in added.out + added.err
    endpoint = added.err.split()[0]
    assert gadwatch("endpoint", "enable", endpoint).code == 0
    wrong = gadwatch("endpoint", "add", "slack", "s", url, "--policy", "{")
    assert (wrong.code, "--policy is no JSON" in wrong.err) == (2, True)


def test_findings_are_acknowledged_listed_and_taken_back(tmp_path: Path) -> None:
    broken = {**REFERENCE, "critic/grad_norm": math.nan}
    log = write_jsonl(tmp_path / "broken.jsonl", [REFERENCE, broken])
    gadwatch("tail", str(log), "--run", "broken", "--once")
    assert gadwatch("ack", "broken", "score_drift").code == 1

    taken = gadwatch("ack", "broken", "finite")
    assert (taken.code, "1 acknowledged" in taken.err) == (0, True), taken.err
    assert "owner" in gadwatch("ack", "broken", "--list").out
    assert "owner" not in gadwatch("ack", "broken", "score_drift", "--list").out

    back = gadwatch("ack", "broken", "--undo")
    assert (back.code, "1 taken back" in back.err) == (0, True), back.err
    assert "owner" not in gadwatch("ack", "broken", "--list").out
    assert gadwatch("ack", "broken", "--undo").code == 1


def test_an_unknown_run_is_one_line_that_says_where_to_look() -> None:
    outcome = gadwatch("ready", "nobody")
    assert outcome.code == 2
    assert "gadwatch runs" in outcome.err


def test_a_long_log_arrives_whole_exact_and_with_its_change_of_stage(
    tmp_path: Path, served: ServedProcess
) -> None:
    steps = [{**REFERENCE, "extra": float(n)} for n in range(1, 1301)]
    steps[699] |= {"extra": math.inf, "other": math.nan}
    for late in steps[1100:]:
        late["actor/pg_loss"] = 0.1
    log = write_jsonl(tmp_path / "long.jsonl", steps)
    sent = gadwatch("import", str(log), "--run", "long")
    assert (sent.code, "1300 steps taken" in sent.err) == (0, True), sent.err
    with served.client() as client:
        run = client.get("/api/v1/runs/long").json()
        shown = client.get("/api/v1/runs/long/export", params={"format": "csv"}).text
    stages = [(one["stage"], one["step"]) for one in run["attempts"][0]["stages"]]
    assert stages[-1] == ("stage2", 1100)
    rows = list(csv.DictReader(shown.splitlines()))
    assert [int(row["step"]) for row in rows] == list(range(1, 1301))
    assert [float(row["extra"]) for row in rows] == [step["extra"] for step in steps]
    assert math.isnan(float(rows[699]["other"]))


def test_a_wide_log_is_sent_in_bodies_that_the_service_takes(tmp_path: Path) -> None:
    wide = {f"layers/weight_norm/of_layer_{n}": 1.0 + n / 7 for n in range(1900)}
    log = write_jsonl(tmp_path / "wide.jsonl", [wide] * 120)
    sent = gadwatch("import", str(log), "--run", "wide")
    assert (sent.code, "120 steps taken" in sent.err) == (0, True), sent.err
