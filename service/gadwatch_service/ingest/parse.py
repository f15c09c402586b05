"""From the bytes of ``POST /steps`` to a checked batch. Strict and fast; pure."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, TypeVar

import msgspec

from gadwatch_service.errors import BadRequest, Invalid
from gadwatch_service.settings import Settings

MAX_STEP: Final = 2**53
"""Steps are exact in JSON and in doubles up to here."""

_LARGEST: Final = 10**300
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

    ``session`` names the sending process (``…+…`` one that another's run travelled into),
    ``expect_next`` promises the next step within so many seconds, ``losses`` counts what this
    process had to drop so far, by reason.
    """

    steps: list[PushedStep]
    session: SessionName | None = None
    expect_next: Seconds | None = None
    losses: Losses = {}


_Content = TypeVar("_Content", bound=msgspec.Struct)

_push_decoder = msgspec.json.Decoder(Push)


def parse_push(body: bytes, settings: Settings) -> Push:
    """Decode and check a batch. Raises as :func:`decode` and :func:`check_push` do."""
    push = decode(body, _push_decoder)
    check_push(push, settings)
    return push


def decode(body: bytes, decoder: msgspec.json.Decoder[_Content]) -> _Content:
    """Decode a body that holds ``steps``.

    Non-finite values may come as ``"NaN"``, ``"Infinity"``, ``"-Infinity"``, as the bare tokens
    or as null, which means NaN. Raises :class:`BadRequest` for what is no JSON and
    :class:`Invalid` for wrong content, naming the step and the metric.
    """
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Spelled non-finite values, or bare NaN, which is no JSON but which many trainers write.
        content = _load(body)
    _unspell(content)
    try:
        return msgspec.convert(content, decoder.type)
    except msgspec.ValidationError as error:
        raise _explain(content, error) from None
    except UnicodeEncodeError:
        raise Invalid("A text in the body has half of a surrogate pair: send whole ones.") from None


def _load(body: bytes) -> Any:
    try:
        return json.loads(body)
    except RecursionError:
        raise BadRequest("The JSON is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}.") from None


def _unspell(content: Any) -> None:
    """Put numbers in place of the metrics' non-finite values."""
    for _, metrics in _all_metrics(content):
        for name, value in metrics.items():
            if value is None:
                metrics[name] = math.nan
            elif isinstance(value, str) and value in _SPELLED:
                metrics[name] = _SPELLED[value]


def _all_metrics(content: Any) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Number and metrics of each step, as far as the content has the form of a batch."""
    steps = content.get("steps") if isinstance(content, dict) else None
    for entry in steps if isinstance(steps, list) else []:
        metrics = entry.get("metrics") if isinstance(entry, dict) else None
        if isinstance(metrics, dict):
            yield entry.get("step"), metrics


def check_push(push: Push, settings: Settings) -> None:
    """Hold a batch against the limits. Raises :class:`Invalid` naming the limit and the step."""
    check_steps(push.steps, settings)


def check_steps(steps: Sequence[PushedStep], settings: Settings) -> None:
    """Hold steps against the limits, and turn their times into unix seconds."""
    if len(steps) > settings.max_steps_per_request:
        raise Invalid(
            f"{len(steps)} steps in one request exceed max_steps_per_request "
            f"({settings.max_steps_per_request}): send them in several.",
            limit_name="max_steps_per_request",
            limit=settings.max_steps_per_request,
        )
    widest = settings.max_metrics_per_step
    for pushed in steps:
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


def _explain(content: Any, error: msgspec.ValidationError) -> Invalid:
    """Find the first wrong value, since the decoder's path leaves out metric names."""
    for step, metrics in _all_metrics(content):
        for name, value in metrics.items():
            number = isinstance(value, int | float) and not isinstance(value, bool)
            if not number or (isinstance(value, int) and abs(value) > _LARGEST):
                return _bad_value(step, name, value)
    return Invalid(f"{error}.")


def _bad_value(step: Any, metric: str, value: Any) -> Invalid:
    shown = repr(value)[:60]
    step = step if isinstance(step, int) else None
    return Invalid(
        f"Step {step}, metric {metric!r}: {shown} is no number: send a JSON number, null, "
        '"NaN", "Infinity" or "-Infinity".',
        step=step,
        metric=metric,
    )
