"""The sentences of an alert, put together from the words of the rules. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from gadwatch_rules.texts import text
from gadwatch_service.alerts.events import Event, Item, Kind, Language, RunFacts, Story
from gadwatch_service.alerts.words import WORDS


def sentence(event: Event) -> str:
    """What the rule says, as part of a line."""
    return _plain(event.text) or event.rule or event.subject


def subject(event: Event, lang: Language, *, over: bool) -> str:
    """What an event is about, in one line: the value against its limit, or what has ended."""
    if event.kind is Kind.MESSAGE:
        return event.title
    if not over:
        return sentence(event)
    if event.kind is Kind.STALLED:
        return WORDS[lang]["heard_again"]
    return f"{_title('rules', event.rule, lang)} · {event.metric}"


def where(run: RunFacts, lang: Language) -> str:
    """Which run and how far it is."""
    named = run.name if run.name == run.run_id else f"{run.name} ({run.run_id})"
    stage = text("words", run.stage, lang)
    return WORDS[lang]["where"].format(run=named, project=run.project, stage=stage, step=run.step)


def history(item: Item, lang: Language, *, over: bool) -> str:
    """The rule, what is new about it, and since when."""
    event, words = item.event, WORDS[lang]
    title = _title("rules", event.rule, lang)
    rule = title if title.lower() == event.rule else f"{title} ({event.rule})"
    if not over:
        news = words[item.reason]
        span = words["since"].format(first_step=event.first_step, since=_moment(event.since))
    elif event.kind is Kind.STALLED:
        news, span = words["over"], words["from"].format(since=_moment(event.since))
    else:
        news = words["over"]
        span = words["at" if event.first_step == event.step else "lasted"]
        span = span.format(first_step=event.first_step, step=event.step)
    return f"{rule} · {news} · {span}"


def advice(event: Event, lang: Language) -> list[str]:
    """What the rule itself advises to try."""
    entry = text("rules", event.rule, lang)
    return list(_tries(entry["advice"] if isinstance(entry, dict) else (), lang))


def diagnosis(found: dict[str, Any], lang: Language) -> tuple[str, tuple[str, ...]]:
    """A diagnosis of the assessment: its heading, and why with what to try."""
    words = WORDS[lang]
    heading = f"{words['diagnosis']}{words['colon']}{_title('diagnoses', found['id'], lang)}"
    return heading, (str(found.get("explanation", "")), *_tries(found.get("advice", ()), lang))


_MARKS: Final = {"pass": "✓", "fail": "✗"}


def clauses(event: Event, story: Story, *, marked: bool = False) -> Iterator[str]:
    """What each clause of a verdict says.

    In the reader's language where the assessment beside it still says the same.
    """
    told = (story.assessment.get("readiness") or {}).get("clauses", [])
    spoken = {(one["id"], one["status"]): one["reason"] for one in told}
    for clause in event.clauses:
        status = str(clause.get("status"))
        said = spoken.get((clause["id"], status)) or clause.get("reason") or clause["id"]
        yield f"{_MARKS.get(status, '?')} {_signs(said)}" if marked else _plain(said)


def outcome(story: Story, lang: Language) -> Iterator[str]:
    """How the run stood when it ended."""
    health, gate = story.assessment.get("health"), story.assessment.get("readiness")
    if health is not None:
        states = [text("words", health, lang)]
        if gate is not None and story.run.stage == "warmup":
            states.append(text("words", gate["verdict"], lang))
        yield f"{WORDS[lang]['health']}{WORDS[lang]['colon']}{' · '.join(states)}"


def _tries(lines: Iterable[str], lang: Language) -> Iterator[str]:
    words = WORDS[lang]
    for line in lines:
        yield f"{words['try']}{words['colon']}{line}"


def _title(group: str, key: str, lang: Language) -> str:
    """What people call a rule or a diagnosis; a rule of one's own is called by its id."""
    entry = text(group, key, lang)
    return str(entry["title"]) if isinstance(entry, dict) else key


def _plain(said: str) -> str:
    return _signs(said).rstrip(".。")


def _signs(said: str) -> str:
    return said.replace("<=", "≤").replace(">=", "≥")


def _moment(iso: str) -> str:
    """A time as people write it, in UTC so that all readers mean the same."""
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
