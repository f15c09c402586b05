from collections.abc import Mapping
from typing import Any, Final, Self

import msgspec

from gadwatch_service.ingest.sorting import Batch
from gadwatch_service.judging.run import JudgedRun

_NUMBER: Final = {
    "anyOf": [
        {"type": "number"},
        {"type": "string", "enum": ["NaN", "Infinity", "-Infinity"]},
        {"type": "null"},
    ]
}
_STEPS: Final = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["step", "metrics"],
        "additionalProperties": False,
        "properties": {
            "step": {"type": "integer", "minimum": 0, "maximum": 2**53},
            "metrics": {"type": "object", "additionalProperties": _NUMBER},
            "time": {
                "anyOf": [
                    {"type": "number", "minimum": 0, "maximum": 4_102_444_800},
                    {"type": "string", "format": "date-time"},
                    {"type": "null"},
                ]
            },
        },
    },
}


def body_schema(properties: Mapping[str, Any]) -> dict[str, Any]:
    """The OpenAPI description of a JSON body that holds steps and further properties.

    Written by hand: the bodies are decoded without pydantic, whose speed would not do.
    """
    schema = {
        "type": "object",
        "required": ["steps"],
        "additionalProperties": False,
        "properties": {"steps": _STEPS, **properties},
    }
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


PUSH_BODY: Final = body_schema(
    {
        "session": {"type": ["string", "null"], "pattern": "^[!-~]{1,64}$"},
        "expect_next": {"type": ["number", "null"], "minimum": 0, "maximum": 30 * 86_400},
        "losses": {
            "type": "object",
            "maxProperties": 32,
            "propertyNames": {"pattern": "^[a-z_]{1,40}$"},
            "additionalProperties": {"type": "integer", "minimum": 0, "maximum": 2**53},
        },
    }
)
EVALUATION_BODY: Final = body_schema(
    {
        "stage": {"type": ["string", "null"], "enum": ["warmup", "stage2", None]},
        "warmup_steps": {"type": ["integer", "null"], "minimum": 1, "maximum": 2**53},
        "overrides": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": {"type": "number"},
            },
        },
        "snapshot": {"type": "boolean"},
        "run": {"type": "string", "maxLength": 200},
        "lang": {"type": "string", "enum": ["en", "zh"]},
    }
)

_SHOWN: Final = 20
"""Most conflicts that a reply names."""


class Readiness(msgspec.Struct):
    """The verdict in short form."""

    verdict: str
    since_step: int | None
    first_ready_step: int | None


class PushReply(msgspec.Struct):
    """What became of a batch, and where the run stands now.

    ``accepted`` steps brought something new, ``duplicate`` ones nothing; ``late`` counts those
    of the accepted that are older than the run's newest step. ``rejected`` counts values that
    were not stored, ``reasons`` says why. ``conflicts`` names values that differ from what was
    stored before (the newer one counts): ``[step, metric]``, the first twenty.
    """

    accepted: int
    duplicate: int
    late: int
    rejected: int
    reasons: dict[str, int]
    run: str
    attempt: int
    health: str
    verdict: Readiness
    stage: str
    last_step: int | None
    conflicts: list[tuple[int, str]] = []

    @classmethod
    def of(cls, run: JudgedRun, attempt: int, batch: Batch, rejected: Mapping[str, int]) -> Self:
        """The reply to a batch that stands now."""
        row = run.row
        return cls(
            accepted=len(batch.fresh) + len(batch.changed),
            duplicate=batch.duplicate,
            late=batch.late,
            rejected=sum(rejected.values()),
            reasons=dict(rejected),
            run=run.run_id,
            attempt=attempt,
            health=row.health,
            verdict=Readiness(row.verdict, row.verdict_since, row.first_ready_step),
            stage=row.stage,
            last_step=row.last_step,
            conflicts=batch.conflicts[:_SHOWN],
        )
