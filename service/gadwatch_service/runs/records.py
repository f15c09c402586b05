"""Stored findings and verdicts as replies and events carry them."""

from typing import Any

from gadwatch_rules import finding_message
from gadwatch_rules.jsonsafe import safe
from gadwatch_service.store.tables import Finding, VerdictRecord


def finding_out(row: Finding, lang: str = "en") -> dict[str, Any]:
    """A finding as in the assessment, with its attempt and its times."""
    return {
        "attempt": row.attempt,
        "rule": row.rule,
        "metric": row.metric,
        "severity": row.severity,
        "state": row.state,
        "first_step": row.first_step,
        "last_step": row.last_step,
        "value": safe(row.value),
        "limit": row.limit,
        "message": finding_message(
            row.rule, row.metric, row.reason, row.value, row.limit, row.facts, lang
        ),
        "first_seen_at": row.first_seen_at.isoformat(),
        "changed_at": row.changed_at.isoformat(),
        "acknowledged_by": row.acknowledged_by,
    }


def verdict_out(row: VerdictRecord) -> dict[str, Any]:
    """A record of a changed verdict, with the clauses it rests on."""
    return {
        "attempt": row.attempt,
        "number": row.number,
        "step": row.step,
        "verdict": row.verdict,
        "clauses": row.clauses,
        "pack": row.pack,
        "recorded_at": row.recorded_at.isoformat(),
    }
