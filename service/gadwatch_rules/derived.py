"""Metrics that follow from others: of one step, and of many steps by column."""

from collections.abc import Callable, Collection, Iterator
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
    rivals: frozenset[str] = frozenset()


def untied(accuracy: float, ties: float) -> float | None:
    """The accuracy among pairs that are no ties; None where nearly all are."""
    if not ties < 0.999:
        return None
    # In this order NaN stays NaN.
    return min(accuracy / (1.0 - ties), 1.0)


DERIVATIONS = (
    Derivation(SCORE_GAP, (TEACHER, STUDENT), sub),
    # Where a format reward is logged, the reward is not the critic's score alone.
    Derivation(
        DISCRIMINATOR, (REWARD,), pos, frozenset((DISCRIMINATOR, FORMAT, "format/reward_avg"))
    ),
    Derivation(RANKING_LOSS, (D_LOSS,), pos, frozenset((RANKING_LOSS,))),
    Derivation(D_ACC_UNTIED, (D_ACC, TIE_RATIO), untied),
)


def _due(names: Collection[str], logged: AbstractSet[str]) -> Iterator[Derivation]:
    """What can be derived in a step with these metrics."""
    for one in DERIVATIONS:
        if one.name in names or not all(part in names for part in one.parts):
            continue
        if one.rivals.isdisjoint(logged) and one.rivals.isdisjoint(names):
            yield one


def add_derived(values: dict[str, float], logged: AbstractSet[str]) -> None:
    """Add to one step's canonical values what follows from them.

    ``logged`` holds the names that this run has logged itself up to the step before.
    """
    for one in _due(values, logged):
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
        told = one.rivals - logged
        if any(name in rare for name in (one.name, *one.parts, *told)) and all(
            part in columns for part in one.parts
        ):
            return False
    for one in _due(columns, logged):
        column = list(map(one.work, *[columns[part] for part in one.parts]))
        if None in column:
            return False
        columns[one.name] = column  # type: ignore[assignment] # no None is among them
    return True
