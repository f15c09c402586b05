"""The words of an alert, before an adapter lays them out. Pure.

Order, as someone woken at 3 a.m. needs it: what, which run and step, value against limit, since
when, the diagnosis, what to try, a link.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Final, Literal
from urllib.parse import quote

from gadwatch_service.alerts import phrases
from gadwatch_service.alerts.events import Item, Kind, Language, Message, Reason, Story, rank
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
        return _digest(message, base_url)
    story = message.stories[0]
    first, *rest = _by_weight(story.items)
    more = f" · {words['more'].format(count=len(rest))}" if rest else ""
    title = f"{story.run.name} · {_headline(first, story, message.lang)}{more}"
    return Text(
        title,
        _level(first),
        tuple(_sections(story, message.lang)),
        _link(base_url, story),
        words["open"],
    )


def _digest(message: Message, base_url: str) -> Text:
    words = WORDS[message.lang]
    count = sum(len(story.items) for story in message.stories)
    sections = []
    for story in message.stories[:_MOST_STORIES]:
        items = _by_weight(story.items)
        lines = [_headline(item, story, message.lang) for item in items[:3]]
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


def _headline(item: Item, story: Story, lang: Language) -> str:
    """One line that alone says what happened."""
    event, words = item.event, WORDS[lang]
    if item.reason is Reason.VERDICT_READY:
        return words[item.reason]
    if item.reason is Reason.VERDICT_WITHDRAWN:
        why = next(phrases.clauses(event, story), None)
        return words[item.reason] if why is None else f"{words[item.reason]}{words['colon']}{why}"
    if event.kind is Kind.FINISHED:
        return words.get(f"ended_{story.run.status}", words["ended"])
    word = words["resolved"] if _over(item) else words[event.severity]
    return f"{word}{words['colon']}{phrases.subject(event, lang, over=_over(item))}"


def _link(base_url: str, story: Story) -> str:
    return f"{base_url}/runs/{quote(story.run.run_id, safe='')}"


def _sections(story: Story, lang: Language) -> Iterator[Section]:
    words = WORDS[lang]
    yield Section("", (phrases.where(story.run, lang),))
    items = _by_weight(story.items)
    diagnoses = list(_diagnoses(story, lang))
    for _, group in groupby(items[:_MOST_ITEMS], key=_alike):
        yield _about(list(group), story, lang, advise=not diagnoses)
    if len(items) > _MOST_ITEMS:
        left = len(items) - _MOST_ITEMS
        yield Section("", (words["more_on_page"].format(count=left),))
    yield from diagnoses


def _alike(item: Item) -> tuple[str, ...]:
    """Neighbours with the same are told together: one rule often speaks of many metrics."""
    event = item.event
    own = "" if event.kind is Kind.FINDING else event.subject
    return event.rule, event.severity, event.state, item.reason, own


def _about(items: list[Item], story: Story, lang: Language, *, advise: bool) -> Section:
    item, event, words = items[0], items[0].event, WORDS[lang]
    heading = _headline(item, story, lang)
    if event.kind is Kind.VERDICT:
        return Section(words[item.reason], tuple(phrases.clauses(event, story, marked=True)))
    if event.kind is Kind.MESSAGE:
        said = words["said"].format(step=event.step)
        return Section(heading, (said, *([event.text] if event.text else [])))
    if event.kind is Kind.FINISHED:
        return Section(heading, tuple(phrases.outcome(story, lang)))
    lines = [phrases.history(item, lang, over=_over(item))]
    if len(items) > 1:
        heading = f"{heading} · {words['more'].format(count=len(items) - 1)}"
        lines += [phrases.subject(one.event, lang, over=_over(item)) for one in items[1:]]
    elif _over(item):
        lines.append(f"{words['was']}{words['colon']}{phrases.sentence(event)}")
    if not _over(item) and (advise or event.kind is Kind.STALLED):
        lines += phrases.advice(event, lang)
    return Section(heading, tuple(lines))


def _diagnoses(story: Story, lang: Language) -> Iterator[Section]:
    """What lies behind the findings that go on."""
    if not any(
        item.event.kind in {Kind.FINDING, Kind.STALLED, Kind.FINISHED} and not _over(item)
        for item in story.items
    ):
        return
    for diagnosis in story.assessment.get("diagnoses", []):
        if diagnosis.get("severity") in {"warning", "critical"}:
            yield Section(*phrases.diagnosis(diagnosis, lang))
