"""Findings and their changes, as the engine reports them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gadwatch_rules.jsonsafe import safe
from gadwatch_rules.texts import render, text


@dataclass(frozen=True, slots=True)
class Finding:
    """One episode of one rule on one metric.

    ``severity`` and ``state`` are the words of the assessment. ``reason`` and ``facts`` are
    kept instead of a sentence, so that it can be told in the reader's language.
    """

    rule: str
    metric: str
    severity: str
    state: str
    first_step: int
    last_step: int
    value: float | None
    limit: str
    reason: str
    facts: Mapping[str, Any]
    inhibited_by: str | None = None
    """The rule that says the same more strongly; an inhibited finding is not alerted."""

    def message(self, lang: str = "en") -> str:
        """The sentence for a person."""
        return finding_message(
            self.rule, self.metric, self.reason, self.value, self.limit, self.facts, lang
        )

    def as_dict(self, lang: str = "en") -> dict[str, Any]:
        """The finding of the assessment, JSON-safe."""
        return {
            "rule": self.rule,
            "metric": self.metric,
            "severity": self.severity,
            "state": self.state,
            "first_step": self.first_step,
            "last_step": self.last_step,
            "value": safe(self.value),
            "limit": self.limit,
            "message": self.message(lang),
        }


@dataclass(frozen=True, slots=True)
class FindingChange(Finding):
    """A finding that began, grew, shrank or ended at ``step``."""

    step: int = 0
    fired: bool = False
    """Whether the episode was ever more than pending; others need no message."""


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """A change of the verdict: never altered once reported."""

    step: int
    verdict: str
    clauses: tuple[Mapping[str, Any], ...]
    """As in the assessment, in English, JSON-safe."""
    pack: str


@dataclass(slots=True)
class Changes:
    """What folding some steps has changed.

    ``conflicts`` names values that came twice for one step and differed: (step, metric, kept,
    refused).
    """

    findings: list[FindingChange] = field(default_factory=list)
    verdicts: list[VerdictChange] = field(default_factory=list)
    late: int = 0
    duplicates: int = 0
    conflicts: list[tuple[int, str, float, float]] = field(default_factory=list)


def finding_message(
    rule: str,
    metric: str,
    reason: str,
    value: float | None,
    limit: str,
    facts: Mapping[str, Any],
    lang: str = "en",
) -> str:
    """The sentence of a finding from its stored parts."""
    words = text("rules", rule, lang)
    own = facts.get("title")
    title = own or (words["title"] if isinstance(words, dict) else rule)
    told = {"metric": metric, "value": value, "limit": limit, **facts, "title": title}
    sentence = render("reasons", reason, lang, told)
    return f"{own}: {sentence}" if own and reason != "conditions" else sentence
