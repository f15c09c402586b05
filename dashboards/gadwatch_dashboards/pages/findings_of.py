"""A run's findings for its page: those open now, those resolved, and who has seen them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from gadwatch_dashboards.figures.series import Mark
from gadwatch_dashboards.formats import signs
from gadwatch_dashboards.views.run import anchor_of
from gadwatch_rules import finding_message
from gadwatch_rules.jsonsafe import safe
from gadwatch_service.runs import repository as runs_repository
from gadwatch_service.runs.query import encode_cursor
from gadwatch_service.runs.view import RunView
from gadwatch_service.store.tables import Finding

MOST = 200
LEARNING = "learning"
"""The reason of a young critic that is on its way: resolved, it was never a finding."""


@dataclass(frozen=True)
class RunFindings:
    """The stored findings of a run's attempt, in the reader's language."""

    rows: Sequence[dict[str, Any]]
    newest: int
    acknowledged: Mapping[tuple[str, str, int], str]

    def beside(self, open_now: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """What is open now, as the assessment has it, and behind it what was resolved."""
        resolved = [row for row in self.rows if row["state"] == "resolved"]
        return [*open_now, *resolved]

    def marks(self, metrics: Sequence[str]) -> list[Mark]:
        """The places of these metrics' findings on the step axis; pending ones are not drawn.

        One that fires reaches to the newest step: its row is written when it changes only.
        """
        return [
            Mark(
                row["first_step"],
                max(row["last_step"], self.newest)
                if row["state"] == "firing"
                else row["last_step"],
                row["severity"],
                signs(row["message"]),
                anchor_of(row["rule"], row["metric"], row["first_step"]),
            )
            for row in self.rows
            if row["metric"] in metrics and row["state"] != "pending"
        ]


async def findings_of(session: AsyncSession, run: RunView, lang: str) -> RunFindings:
    """The newest ``MOST`` findings of the run's attempt."""
    behind = encode_cursor(run.attempt + 1, 0, "", "")
    rows, _ = await runs_repository.list_findings(
        session, run.run_id, state=None, severity=None, cursor=behind, limit=MOST
    )
    mine = [
        row
        for row in rows
        if row.attempt == run.attempt and not (row.state == "resolved" and row.reason == LEARNING)
    ]
    return RunFindings(
        rows=[as_dict(row, lang) for row in mine],
        newest=run.last_step or 0,
        acknowledged={
            (row.rule, row.metric, row.first_step): row.acknowledged_by
            for row in mine
            if row.acknowledged_by
        },
    )


def as_dict(row: Finding, lang: str) -> dict[str, Any]:
    """A stored finding in the assessment's shape."""
    return {
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
    }
