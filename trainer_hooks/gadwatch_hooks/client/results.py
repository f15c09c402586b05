"""What the service answers, as typed values. Unknown members are kept in ``raw``."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def number(value: Any) -> Any:
    """A number; JSON spells the non-finite ones as words. Anything else as it is."""
    return _WORDS.get(value, value) if isinstance(value, str) else value


@dataclass(frozen=True)
class RunSummary:
    """A run, as the list of runs shows it."""

    id: str
    name: str
    project: str
    status: str
    """``running``, ``finished``, ``failed``, ``killed`` or ``stalled``."""
    stage: str | None
    health: str
    verdict: str
    last_step: int | None
    tags: list[str]
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "RunSummary":
        """From the service's JSON."""
        verdict = body.get("verdict")
        if isinstance(verdict, Mapping):
            verdict = verdict.get("verdict")
        return cls(
            id=str(body.get("id") or body.get("run")),
            name=str(body.get("name", "")),
            project=str(body.get("project", "")),
            status=str(body.get("status", "")),
            stage=body.get("stage") or None,
            health=str(body.get("health", "unknown")),
            verdict=str(verdict or "insufficient_data"),
            last_step=body.get("last_step"),
            tags=list(body.get("tags") or []),
            raw=body,
        )


@dataclass(frozen=True)
class Clause:
    """One condition of the gate and how it stands."""

    id: str
    kind: str
    """``target`` or ``safety``."""
    status: str
    """``pass``, ``fail`` or ``unknown``."""
    observed: Any
    required: str
    reason: str

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Clause":
        """From the service's JSON."""
        return cls(
            id=body["id"],
            kind=body.get("kind", ""),
            status=body["status"],
            observed=number(body.get("observed")),
            required=str(body.get("required", "")),
            reason=str(body.get("reason", "")),
        )


@dataclass(frozen=True)
class Readiness:
    """Whether the warm-up may end, and why or why not."""

    verdict: str
    """``ready``, ``not_ready`` or ``insufficient_data``."""
    since_step: int | None
    first_ready_step: int | None
    clauses: list[Clause]
    raw: Mapping[str, Any] = field(repr=False)

    @property
    def ready(self) -> bool:
        """Whether the verdict is ``ready``."""
        return self.verdict == "ready"

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Readiness":
        """From the service's JSON: a readiness, or an assessment that holds one."""
        inner = body.get("readiness")
        found = inner if isinstance(inner, Mapping) else body
        return cls(
            verdict=found["verdict"],
            since_step=found.get("since_step"),
            first_ready_step=found.get("first_ready_step"),
            clauses=[Clause.of(clause) for clause in found.get("clauses") or []],
            raw=body,
        )


@dataclass(frozen=True)
class Finding:
    """A rule that holds, or held, something against the run."""

    rule: str
    metric: str | None
    severity: str
    """``info``, ``notice``, ``warning`` or ``critical``."""
    state: str
    """``pending``, ``firing`` or ``resolved``."""
    first_step: int | None
    last_step: int | None
    value: float | None
    limit: str | None
    message: str
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Finding":
        """From the service's JSON."""
        return cls(
            rule=body["rule"],
            metric=body.get("metric"),
            severity=body["severity"],
            state=body["state"],
            first_step=body.get("first_step"),
            last_step=body.get("last_step"),
            value=number(body.get("value")),
            limit=body.get("limit"),
            message=str(body.get("message", "")),
            raw=body,
        )


@dataclass(frozen=True)
class Diagnosis:
    """What several metrics together say, with what to try."""

    id: str
    severity: str
    evidence: Mapping[str, Any]
    explanation: str
    advice: list[str]

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Diagnosis":
        """From the service's JSON."""
        return cls(
            id=body["id"],
            severity=str(body.get("severity", "info")),
            evidence={k: number(v) for k, v in (body.get("evidence") or {}).items()},
            explanation=str(body.get("explanation", "")),
            advice=list(body.get("advice") or []),
        )


@dataclass(frozen=True)
class Assessment:
    """Everything gadwatch has to say about a run now."""

    run: str
    stage: str | None
    health: str
    """``ok``, ``warning``, ``critical`` or ``unknown``."""
    steps: int
    last_step: int | None
    pack: str
    readiness: Readiness
    findings: list[Finding]
    diagnoses: list[Diagnosis]
    raw: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Assessment":
        """From the service's JSON."""
        return cls(
            run=str(body.get("run", "")),
            stage=body.get("stage"),
            health=body["health"],
            steps=int(body.get("steps") or 0),
            last_step=body.get("last_step"),
            pack=str(body.get("pack", "")),
            readiness=Readiness.of(body["readiness"]),
            findings=[Finding.of(finding) for finding in body.get("findings") or []],
            diagnoses=[Diagnosis.of(diagnosis) for diagnosis in body.get("diagnoses") or []],
            raw=body,
        )
