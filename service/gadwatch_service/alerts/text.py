"""The words of an alert, before an adapter lays them out. Pure.

Order, as someone woken at 3 a.m. needs it: what, which run and step, value against limit, since
when, the diagnosis, what to try, a link.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import quote

from gadwatch_service.alerts.events import Event, Item, Kind, Message, Reason, Story, rank
from gadwatch_service.alerts.words import WORDS

Level = Literal["critical", "warning", "info", "good"]

MARKS: Final[dict[Level, str]] = {"critical": "🛑", "warning": "⚠️", "info": "ℹ️", "good": "✅"}

_MOST_ITEMS: Final = 10
_MOST_STORIES: Final = 20


@dataclass(frozen=True, slots=True)
class Section:
    """A heading (may be empty) and lines of plain text."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A whole message in one language, as plain text without markup."""

    title: str
    level: Level
    sections: tuple[Section, ...]
    link: str
    link_label: str

    @property
    def marked_title(self) -> str:
        """The title behind its sign."""
        return f"{MARKS[self.level]} {self.title}"

    def plain(self) -> str:
        """Everything below the title, for channels without markup."""
        blocks = [
            "\n".join(line for line in (section.heading, *section.lines) if line)
            for section in self.sections
        ]
        return "\n\n".join([*blocks, f"{self.link_label}: {self.link}"])


def compose(message: Message, base_url: str) -> Text:
    """Write a message out; ``base_url`` is where people reach the service."""
    words = WORDS[message.lang]
    if message.reason is Reason.TEST:
        section = Section("", (words["test_text"],))
        return Text(words["test"], "info", (section,), base_url, words["open_list"])
    if message.reason is Reason.DIGEST:
        return _digest(message, base_url, words)
    story = message.stories[0]
    first, *rest = _by_weight(story.items)
    more = f" · {words['more'].format(count=len(rest))}" if rest else ""
    title = f"{story.run.name} · {_headline(first, story, words)}{more}"
    return Text(
        title,
        _level(first),
        tuple(_sections(story, words)),
        _link(base_url, story),
        words["open"],
    )


def _digest(message: Message, base_url: str, words: dict[str, str]) -> Text:
    count = sum(len(story.items) for story in message.stories)
    sections = []
    for story in message.stories[:_MOST_STORIES]:
        items = _by_weight(story.items)
        lines = [_headline(item, story, words) for item in items[:3]]
        if len(items) > 3:
            lines.append(words["more"].format(count=len(items) - 3))
        lines.append(_link(base_url, story))
        sections.append(Section(f"{story.run.name} ({story.run.project})", tuple(lines)))
    if len(message.stories) > _MOST_STORIES:
        left = len(message.stories) - _MOST_STORIES
        sections.append(Section("", (words["more"].format(count=left),)))
    every = _by_weight(item for story in message.stories for item in story.items)
    title = words["digest"].format(items=count, runs=len(message.stories))
    return Text(title, _level(every[0]), tuple(sections), base_url, words["open_list"])


def _by_weight(items: Iterable[Item]) -> list[Item]:
    """What goes on before what is over, the grave before the mild."""
    return sorted(items, key=lambda item: (_over(item), -rank(item.event.severity)))


def _over(item: Item) -> bool:
    return item.event.state == "resolved" and item.event.kind is not Kind.VERDICT


def _level(item: Item) -> Level:
    if _over(item) or item.reason is Reason.VERDICT_READY:
        return "good"
    match item.event.severity:
        case "critical":
            return "critical"
        case "warning":
            return "warning"
        case _:
            return "info"


def _headline(item: Item, story: Story, words: dict[str, str]) -> str:
    """One line that alone says what happened."""
    event = item.event
    if item.reason is Reason.VERDICT_READY:
        return words["ready"]
    if item.reason is Reason.VERDICT_WITHDRAWN:
        return words["withdrawn"]
    if event.kind is Kind.FINISHED:
        return words["finished"].format(status=story.run.status)
    word = words["resolved"] if _over(item) else words[event.severity]
    if event.kind is Kind.MESSAGE:
        return f"{word}{words['colon']}{event.title}"
    return f"{word}{words['colon']}{_measured(event, words)}"


def _measured(event: Event, words: dict[str, str]) -> str:
    """Value against limit; the rule's name where there is no metric."""
    if not event.metric or event.value is None:
        return event.rule or event.subject
    measured = words["value"].format(metric=event.metric, value=_number(event.value))
    if not event.limit:
        return measured
    limit = event.limit.replace("<=", "≤").replace(">=", "≥")
    return f"{measured}, {words['limit'].format(limit=limit)}"


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def _link(base_url: str, story: Story) -> str:
    return f"{base_url}/runs/{quote(story.run.run_id, safe='')}"


def _moment(iso: str) -> str:
    """A time as people write it, in UTC so that all readers mean the same."""
    return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _sections(story: Story, words: dict[str, str]) -> Iterator[Section]:
    run = story.run
    where = words["where"].format(
        name=run.name, run_id=run.run_id, project=run.project, stage=run.stage, step=run.step
    )
    yield Section("", (where,))
    items = _by_weight(story.items)
    for item in items[:_MOST_ITEMS]:
        yield _about(item, story, words)
    if len(items) > _MOST_ITEMS:
        left = len(items) - _MOST_ITEMS
        yield Section("", (words["more_on_page"].format(count=left),))
    if any(_calls_for_a_diagnosis(item.event) for item in items):
        yield from _diagnoses(story.assessment, words)


def _calls_for_a_diagnosis(event: Event) -> bool:
    return event.state == "firing" and event.kind not in {Kind.VERDICT, Kind.MESSAGE}


def _about(item: Item, story: Story, words: dict[str, str]) -> Section:
    event = item.event
    heading = _headline(item, story, words)
    lines = []
    if event.kind is Kind.VERDICT:
        lines = [_clause(clause, words) for clause in event.clauses]
    elif event.kind is Kind.MESSAGE:
        lines = [words["message"].format(step=event.step)]
    elif event.kind is not Kind.FINISHED:
        news = words["over"] if _over(item) else words[item.reason]
        span = words["lasted"] if _over(item) else words["since"]
        when = span.format(first_step=event.first_step, step=event.step, since=_moment(event.since))
        lines = [f"{event.rule} · {news} · {when}"]
    return Section(heading, (*lines, *([event.text] if event.text else [])))


_CLAUSE_MARKS: Final = {"pass": "✓", "fail": "✗"}


def _clause(clause: dict[str, Any], words: dict[str, str]) -> str:
    observed = clause.get("observed")
    shown = "–" if observed is None else _number(observed)
    text = words["clause"].format(
        id=clause.get("id", ""), observed=shown, required=clause.get("required", "–")
    )
    return f"{_CLAUSE_MARKS.get(str(clause.get('status')), '?')} {text}"


def _diagnoses(assessment: dict[str, Any], words: dict[str, str]) -> Iterator[Section]:
    for diagnosis in assessment.get("diagnoses", []):
        if diagnosis.get("severity") not in {"warning", "critical"}:
            continue
        advice = tuple(
            f"{words['try']}{words['colon']}{line}" for line in diagnosis.get("advice", [])
        )
        heading = f"{words['diagnosis']}{words['colon']}{diagnosis['id']}"
        yield Section(heading, (str(diagnosis.get("explanation", "")), *advice))
