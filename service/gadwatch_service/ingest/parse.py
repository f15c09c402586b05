"""From the bytes of ``POST /steps`` to a checked batch. Strict and fast; pure."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import msgspec

from gadwatch_service.errors import BadRequest, Invalid
from gadwatch_service.settings import Settings

MAX_STEP: Final = 2**53
"""Steps are exact in JSON and in doubles up to here."""

_EARLIEST: Final = 0.0
_LATEST: Final = 4_102_444_800.0  # the year 2100
_SPELLED: Final[Mapping[str, float]] = {
    "NaN": math.nan,
    "Infinity": math.inf,
    "-Infinity": -math.inf,
}
StepNumber = Annotated[int, msgspec.Meta(ge=0, le=MAX_STEP)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=30 * 86_400)]
Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_STEP)]
SessionName = Annotated[str, msgspec.Meta(pattern=r"^[!-~]{1,64}\Z")]
LossReason = Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,40}\Z")]
Losses = Annotated[dict[LossReason, Count], msgspec.Meta(max_length=32)]


class PushedStep(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One step as it was sent; ``time`` is unix seconds or an ISO date."""

    step: StepNumber
    metrics: dict[str, float]
    time: float | datetime | None = None


class Push(msgspec.Struct, forbid_unknown_fields=True):
    """A batch of steps.

    ``session`` names the sending process, ``expect_next`` promises the next step within so many
    seconds, ``losses`` counts what the sender had to drop so far, by reason.
    """

    steps: list[PushedStep]
    session: SessionName | None = None
    expect_next: Seconds | None = None
    losses: Losses = {}


class _LooseStep(PushedStep):
    metrics: dict[str, float | str | None]  # type: ignore[assignment]


class _LoosePush(Push):
    steps: list[_LooseStep]  # type: ignore[assignment]


_strict = msgspec.json.Decoder(Push)


def parse_push(body: bytes, settings: Settings) -> Push:
    """Decode and check a batch.

    Non-finite values may come as ``"NaN"``, ``"Infinity"``, ``"-Infinity"``, as the bare tokens
    or as null, which means NaN. Raises :class:`BadRequest` for what is no JSON and
    :class:`Invalid` for wrong content, naming the step and the metric.
    """
    try:
        push = _strict.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Spelled non-finite values, or bare NaN, which is no JSON but which many trainers write.
        push = _parse_loosely(_load(body))
    check_push(push, settings)
    return push


def _load(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise BadRequest("The JSON is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None


def _parse_loosely(content: Any) -> Push:
    try:
        loose = msgspec.convert(content, _LoosePush)
    except msgspec.ValidationError as error:
        raise _explain(content, error) from None
    except UnicodeEncodeError:
        raise Invalid("A text in the body has half of a surrogate pair: send whole ones.") from None
    return Push(
        steps=[
            PushedStep(
                one.step, {k: _value(one.step, k, v) for k, v in one.metrics.items()}, one.time
            )
            for one in loose.steps
        ],
        session=loose.session,
        expect_next=loose.expect_next,
        losses=loose.losses,
    )


def _value(step: int, metric: str, value: float | str | None) -> float:
    if value is None:
        return math.nan
    if isinstance(value, str):
        if value in _SPELLED:
            return _SPELLED[value]
        raise _bad_value(step, metric, value)
    return float(value)


def check_push(push: Push, settings: Settings) -> None:
    """Hold a batch against the limits. Raises :class:`Invalid` naming the limit and the step."""
    if len(push.steps) > settings.max_steps_per_request:
        raise Invalid(
            f"{len(push.steps)} steps in one request exceed max_steps_per_request "
            f"({settings.max_steps_per_request}): send them in several.",
            limit_name="max_steps_per_request",
            limit=settings.max_steps_per_request,
        )
    widest = settings.max_metrics_per_step
    for pushed in push.steps:
        if len(pushed.metrics) > widest:
            raise Invalid(
                f"Step {pushed.step} has {len(pushed.metrics)} metrics, more than "
                f"max_metrics_per_step ({widest}).",
                step=pushed.step,
                limit_name="max_metrics_per_step",
                limit=widest,
            )
        if pushed.time is not None:
            pushed.time = _seconds(pushed)


def check_name(name: str, step: int, settings: Settings) -> None:
    """Refuse a metric name that cannot be stored. Raises :class:`Invalid`."""
    longest = settings.max_metric_name_length
    if len(name) > longest:
        raise Invalid(
            f"Step {step}: the metric name {name[:40]!r}… is longer than "
            f"max_metric_name_length ({longest} characters).",
            step=step,
            metric=name[:40],
            limit_name="max_metric_name_length",
            limit=longest,
        )
    if not name.strip() or not name.isprintable():
        raise Invalid(
            f"Step {step}: {name!r} is no metric name: it must have printable characters.",
            step=step,
            metric=name,
        )


def _seconds(pushed: PushedStep) -> float:
    time = pushed.time
    if isinstance(time, datetime):
        time = (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    assert time is not None
    if not _EARLIEST <= time <= _LATEST:
        raise Invalid(
            f"Step {pushed.step}: time {time} is outside 1970 … 2100: send unix seconds or an "
            "ISO date.",
            step=pushed.step,
        )
    return float(time)


def _bad_value(step: Any, metric: str, value: Any) -> Invalid:
    shown = repr(value)[:60]
    step = step if isinstance(step, int) else None
    return Invalid(
        f"Step {step}, metric {metric!r}: {shown} is no number: send a JSON number, null, "
        '"NaN", "Infinity" or "-Infinity".',
        step=step,
        metric=metric,
    )


def _explain(content: Any, error: msgspec.ValidationError) -> Invalid:
    """Find the first wrong value, since the decoder's path leaves out metric names."""
    steps = content.get("steps") if isinstance(content, dict) else None
    for entry in steps if isinstance(steps, list) else []:
        metrics = entry.get("metrics") if isinstance(entry, dict) else None
        for name, value in metrics.items() if isinstance(metrics, dict) else []:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            spelled = isinstance(value, str) and value in _SPELLED
            if not (number or value is None or spelled):
                return _bad_value(entry.get("step"), name, value)
            if number and isinstance(value, int) and abs(value) > 10**300:
                return _bad_value(entry.get("step"), name, value)
    return Invalid(f"{error}.")
