"""Judging steps without storing them."""

import asyncio
from typing import Annotated, Any, Final, Literal

import msgspec

from gadwatch_rules import Assessment, Engine, PackError, Step, snapshot
from gadwatch_service.errors import Invalid
from gadwatch_service.ingest.parse import PushedStep, check_steps, decode
from gadwatch_service.settings import Settings

_SLICE: Final = 64
"""Steps judged before other requests get their turn."""


class Evaluation(msgspec.Struct, forbid_unknown_fields=True):
    """What to judge: steps as they are pushed, or one step as a ``snapshot`` without history."""

    steps: list[PushedStep]
    stage: Literal["warmup", "stage2"] | None = None
    warmup_steps: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    overrides: dict[str, dict[str, float]] = {}
    snapshot: bool = False
    run: Annotated[str, msgspec.Meta(max_length=200)] = "evaluation"
    lang: Literal["en", "zh"] = "en"


_decoder = msgspec.json.Decoder(Evaluation)


async def evaluate(body: bytes, settings: Settings) -> dict[str, Any]:
    """The assessment of the steps in ``body``; raises Invalid and BadRequest as a push does."""
    wish = decode(body, _decoder)
    check_steps(wish.steps, settings)
    if wish.snapshot:
        return _snapshot(wish).as_dict() | {"run": wish.run}
    return (await _fold(wish)).as_dict()


def _snapshot(wish: Evaluation) -> Assessment:
    if len(wish.steps) != 1:
        raise Invalid(f"A snapshot is one step: {len(wish.steps)} were sent.")
    return snapshot(wish.steps[0].metrics, wish.stage or "warmup", wish.lang)


async def _fold(wish: Evaluation) -> Assessment:
    try:
        engine = Engine.for_run(wish.stage, wish.warmup_steps, wish.overrides)
    except PackError as error:
        raise Invalid(f"overrides: {error}.") from None
    state = engine.new_state()
    steps = [
        Step(one.step, one.metrics, one.time if isinstance(one.time, float) else None)
        for one in sorted(wish.steps, key=lambda one: one.step)
    ]
    for start in range(0, len(steps), _SLICE):
        engine.advance(state, steps[start : start + _SLICE])
        await asyncio.sleep(0)
    return engine.assess(state, wish.run, wish.lang)
