"""Metrics that follow from others: of one step, and of many steps by column."""

from collections.abc import Callable, Collection
from collections.abc import Set as AbstractSet
from operator import pos, sub
from typing import NamedTuple

from gadwatch_rules.catalogue import (
    D_ACC,
    D_ACC_UNTIED,
    D_LOSS,
    DISCRIMINATOR,
    FORMAT,
    RANKING_LOSS,
    REWARD,
    SCORE_GAP,
    STUDENT,
    TEACHER,
    TIE_RATIO,
)


class Derivation(NamedTuple):
    """How one metric follows from its parts.

    ``rivals`` are metrics that forbid it in a run that logs one of them itself.
    """

    name: str
    parts: tuple[str, ...]
    work: Callable[..., float | None]
    rivals: tuple[str, ...] = ()


def untied(accuracy: float, ties: float) -> float | None:
    """The accuracy among pairs that are no ties; None where nearly all are."""
    if not ties < 0.999:
        return None
    # In this order NaN stays NaN.
    return min(accuracy / (1.0 - ties), 1.0)


DERIVATIONS = (
    Derivation(SCORE_GAP, (TEACHER, STUDENT), sub),
    # Where a format reward is logged, the reward is not the critic's score alone.
    Derivation(DISCRIMINATOR, (REWARD,), pos, (DISCRIMINATOR, FORMAT, "format/reward_avg")),
    Derivation(RANKING_LOSS, (D_LOSS,), pos, (RANKING_LOSS,)),
    Derivation(D_ACC_UNTIED, (D_ACC, TIE_RATIO), untied),
)


def _is_due(one: Derivation, names: Collection[str], logged: Collection[str]) -> bool:
    """Whether it applies to a step with these metrics. Plain loops: every step asks."""
    if one.name in names:
        return False
    for part in one.parts:
        if part not in names:
            return False
    for rival in one.rivals:  # noqa: SIM110 - any() costs more than the loop
        if rival in logged or rival in names:
            return False
    return True


def add_derived(values: dict[str, float], logged: AbstractSet[str]) -> None:
    """Add to one step's canonical values what follows from them.

    ``logged`` holds the names that this run has logged itself up to the step before.
    """
    for one in DERIVATIONS:
        # Asked here already, for it mostly decides.
        if one.name not in values and one.parts[0] in values and _is_due(one, values, logged):
            value = one.work(*[values[part] for part in one.parts])
            if value is not None:
                values[one.name] = value


def add_derived_columns(
    columns: dict[str, list[float]], rare: Collection[str], logged: AbstractSet[str]
) -> bool:
    """The same for many steps; False when some metric can be derived at some steps only.

    ``rare`` are those of the metrics that some steps lack.
    """
    for one in DERIVATIONS:
        untold = [rival for rival in one.rivals if rival not in logged]
        if any(name in rare for name in (one.name, *one.parts, *untold)) and all(
            part in columns for part in one.parts
        ):
            return False
        if not _is_due(one, columns, logged):
            continue
        column = list(map(one.work, *[columns[part] for part in one.parts]))
        if None in column:
            return False
        columns[one.name] = column  # type: ignore[assignment] # no None is among them
    return True
