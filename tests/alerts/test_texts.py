"""What people read, in two languages."""

import pytest

from gadwatch_service.alerts.events import Event, Item, Kind, Language, Message, Reason, Story
from gadwatch_service.alerts.text import compose
from gadwatch_service.alerts.words import WORDS
from tests.alerts.office import facts

BASE = "https://gadwatch.test"

ASSESSMENT = {
    "health": "critical",
    "readiness": {
        "verdict": "not_ready",
        "clauses": [
            {"id": "d_acc_band", "status": "pass", "reason": "The mean accuracy is 0.9473."},
            {"id": "min_steps", "status": "pass", "reason": "61 steps were seen."},
        ],
    },
    "diagnoses": [
        {
            "id": "gradient_explosion",
            "severity": "critical",
            "explanation": "The gradient stays far above its limit.",
            "advice": ["lower the learning rate", "clip the gradient"],
        },
        {"id": "negative_reward_is_normal", "severity": "info", "explanation": "It is normal."},
    ],
}


def finding(severity: str = "critical", state: str = "firing", **changed: object) -> Event:
    values = {
        "kind": Kind.FINDING,
        "subject": "grad_norm_ceiling critic/grad_norm",
        "state": state,
        "severity": severity,
        "step": 145,
        "first_step": 143,
        "since": "2025-03-01T02:14:00+00:00",
        "text": "critic/grad_norm is 39.18, expected <= 10.",
        "rule": "grad_norm_ceiling",
        "metric": "critic/grad_norm",
        "value": 39.18,
        "limit": "<= 10",
    }
    return Event(**(values | changed))


def verdict(ready: bool) -> Event:
    clause = {"id": "d_acc_band", "status": "pass", "reason": "Accuracy is 0.9473."}
    failed = {"id": "min_steps", "status": "fail", "reason": "Only 7 of >= 50 steps were seen."}
    return Event(
        kind=Kind.VERDICT,
        subject="verdict",
        state="firing" if ready else "resolved",
        severity="info" if ready else "warning",
        step=61,
        first_step=61,
        since="2025-03-01T02:14:00+00:00",
        clauses=[clause] if ready else [failed],
    )


def said(title: str = "evaluation failed", text: str = "score 0.1") -> Event:
    return finding(
        "warning",
        kind=Kind.MESSAGE,
        subject="message e1",
        rule="message",
        metric="",
        value=None,
        limit="",
        title=title,
        text=text,
    )


def message(*items: tuple[Reason, Event], lang: Language = "en") -> Message:
    told = [Item(reason=reason, event=event) for reason, event in items]
    story = Story(run=facts(), items=told, assessment=ASSESSMENT)
    return Message(reason=items[0][0], lang=lang, stories=[story])


def test_a_finding_says_what_where_how_much_since_when_why_and_what_to_try() -> None:
    text = compose(message((Reason.FIRST, finding())), BASE)
    assert text.title == "warmup-7 · CRITICAL: critic/grad_norm is 39.18, expected ≤ 10"
    assert text.level == "critical"
    assert text.plain() == (
        "run warmup-7 · project gad · warm-up · step 145\n\n"
        "CRITICAL: critic/grad_norm is 39.18, expected ≤ 10\n"
        "Large gradients (grad_norm_ceiling) · new · since step 143 (2025-03-01 02:14 UTC)\n\n"
        "Diagnosis: Gradients explode\n"
        "The gradient stays far above its limit.\n"
        "Try: lower the learning rate\n"
        "Try: clip the gradient\n\n"
        "Open the run: https://gadwatch.test/runs/warmup-7"
    )


def test_the_ready_message_carries_the_clauses() -> None:
    text = compose(message((Reason.VERDICT_READY, verdict(ready=True))), BASE)
    assert text.title == "warmup-7 · READY for stage 2"
    assert text.level == "good"
    assert "✓ The mean accuracy is 0.9473." in text.plain()
    assert "Diagnosis" not in text.plain()


def test_a_withdrawn_verdict_says_which_clauses_failed() -> None:
    text = compose(message((Reason.VERDICT_WITHDRAWN, verdict(ready=False))), BASE)
    assert text.title == "warmup-7 · READINESS WITHDRAWN: Only 7 of ≥ 50 steps were seen"
    assert text.level == "warning"
    assert "READINESS WITHDRAWN\n✗ Only 7 of ≥ 50 steps were seen." in text.plain()


def test_the_end_of_what_was_told_does_not_read_as_if_it_went_on() -> None:
    text = compose(message((Reason.RESOLVED, finding(state="resolved"))), BASE)
    assert text.title == "warmup-7 · RESOLVED: Large gradients · critic/grad_norm"
    assert text.level == "good"
    assert "over · steps 143–145\nIt was: critic/grad_norm is 39.18, expected ≤ 10" in text.plain()
    assert "Try" not in text.plain()


def test_a_silent_run_says_for_how_long_and_what_to_try() -> None:
    silent = {"kind": Kind.STALLED, "rule": "stalled", "subject": "stalled run", "metric": "run"}
    went = finding("warning", text="Nothing has come for 11 minutes.", **silent)
    text = compose(message((Reason.STALLED, went)), BASE)
    assert text.title == "warmup-7 · WARNING: Nothing has come for 11 minutes"
    assert "Try: Look at the training process" in text.plain()
    came = finding("warning", "resolved", **silent)
    text = compose(message((Reason.RESOLVED, came)), BASE)
    assert text.title == "warmup-7 · RESOLVED: the run sends steps again"
    assert "over · silent since 2025-03-01 02:14 UTC" in text.plain()


def test_without_a_diagnosis_the_rule_itself_advises() -> None:
    lost = finding("warning", rule="missing", text="critic/d_acc has not come for 20 steps.")
    story = Story(run=facts(), items=[Item(reason=Reason.FIRST, event=lost)])
    text = compose(Message(reason=Reason.FIRST, stories=[story]), BASE)
    assert "Try: Log it under its canonical name or one of its aliases." in text.plain()


def test_a_rule_that_speaks_of_many_metrics_speaks_once() -> None:
    broken = [
        (Reason.FIRST, finding(rule="finite", subject=name, text=f"{name} is NaN."))
        for name in ("a", "b", "c")
    ]
    text = compose(message(*broken), BASE)
    assert text.title == "warmup-7 · CRITICAL: a is NaN · and 2 more"
    assert "CRITICAL: a is NaN · and 2 more\nBroken number (finite)" in text.plain()
    assert text.plain().count("Broken number") == 1
    assert "\nb is NaN\nc is NaN\n" in text.plain()


def test_an_end_says_how_the_run_stood() -> None:
    ended = finding(kind=Kind.FINISHED, subject="finished", text="", metric="", rule="")
    story = Story(
        run=facts(status="failed"),
        items=[Item(reason=Reason.FINISHED, event=ended)],
        assessment=ASSESSMENT,
    )
    text = compose(Message(reason=Reason.FINISHED, stories=[story]), BASE)
    assert text.title == "warmup-7 · run FAILED"
    assert "Health at the end: critical · not ready for stage 2" in text.plain()


def test_a_rule_of_ones_own_is_called_by_its_id() -> None:
    text = compose(message((Reason.FIRST, finding(rule="my_rule"))), BASE)
    assert "my_rule · new · since step 143" in text.plain()


def test_the_gravest_comes_first_and_what_is_over_last() -> None:
    items = [
        (Reason.RESOLVED, finding("critical", "resolved", subject="c")),
        (Reason.FIRST, finding("warning", subject="b")),
        (Reason.WORSE, finding("critical", subject="a")),
    ]
    text = compose(message(*items), BASE)
    assert text.title.endswith("expected ≤ 10 · and 2 more")
    headings = [section.heading.split(":")[0] for section in text.sections]
    assert headings == ["", "CRITICAL", "WARNING", "RESOLVED", "Diagnosis"]


def test_many_findings_are_cut_with_their_number() -> None:
    items = [(Reason.FIRST, finding(subject=str(number))) for number in range(40)]
    assert "… and 30 more, on the run's page" in compose(message(*items), BASE).plain()


def test_a_digest_lists_runs() -> None:
    stories = [
        Story(run=facts(f"run-{number}"), items=[Item(reason=Reason.FIRST, event=finding())])
        for number in range(30)
    ]
    text = compose(Message(reason=Reason.DIGEST, stories=stories), BASE)
    assert text.title == "30 changes in 30 runs, held back because there were too many"
    assert f"{BASE}/runs/run-3" in text.plain()
    assert "and 10 more" in text.plain()


def test_chinese_readers_get_chinese() -> None:
    text = compose(message((Reason.FIRST, finding(text="梯度过大。")), lang="zh"), BASE)
    assert text.title == "warmup-7 · 严重：梯度过大"
    assert "诊断：梯度爆炸" in text.plain()
    assert "建议：lower the learning rate" in text.plain()


def test_both_languages_have_the_same_words() -> None:
    assert WORDS["en"].keys() == WORDS["zh"].keys()


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason.sends])
def test_every_reason_can_be_told(reason: Reason, lang: Language) -> None:
    about = finding()
    if reason in {Reason.VERDICT_READY, Reason.VERDICT_WITHDRAWN}:
        about = verdict(reason is Reason.VERDICT_READY)
    if reason is Reason.RESOLVED:
        about = finding(state="resolved")
    if reason is Reason.MESSAGE:
        about = said()
    if reason is Reason.FINISHED:
        about = finding(kind=Kind.FINISHED, subject="finished", value=None, metric="", rule="")
    told = message((reason, about), lang=lang)
    assert Message.from_json(told.as_json()) == told
    text = compose(told, BASE)
    assert text.title
    assert "{" not in text.title + text.plain()


@pytest.mark.parametrize(
    ("lang", "title"),
    [
        ("en", "warmup-7 · WARNING: evaluation failed"),
        ("zh", "warmup-7 · 警告：evaluation failed"),
    ],
)
def test_the_trainers_words_stand_for_themselves(lang: Language, title: str) -> None:
    text = compose(message((Reason.MESSAGE, said()), lang=lang), BASE)
    assert text.title == title
    assert "score 0.1" in text.plain()
    assert "gradient_explosion" not in text.plain()
