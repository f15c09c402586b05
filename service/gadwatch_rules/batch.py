"""How many pairs stand behind a step's means, and what chance alone does with so many."""

from collections.abc import Mapping
from math import sqrt

from gadwatch_rules import catalogue
from gadwatch_rules.window import Window

PAIRS_PER_BATCH = 256.0
"""Pairs of a batch where ``critic/pairs`` is not logged: the reference analysis' size."""


def pairs_of(windows: Mapping[str, Window], unlogged: float = PAIRS_PER_BATCH) -> float:
    """The pairs of the newest batch that told them, else ``unlogged``."""
    window = windows.get(catalogue.PAIRS)
    values = window.values if window is not None else ()
    return values[-1] if values and values[-1] >= 1 else unlogged


def correlation_error(pairs: float) -> float:
    """Standard error of Pearson's r of unrelated values over so many pairs."""
    return 1 / sqrt(max(pairs - 1, 1.0))


SLOW_SHARE = 0.45
"""Block means of five independent values go a detour of this many times their spread a block."""


def chance_swing(pairs: float, errors: float = 2.0) -> float:
    """How much the mean loss of so many pairs may swing by chance, relative to its level.

    The losses of single pairs spread about as widely as their mean (an exponential
    distribution), so the spread of a batch is 1/sqrt(pairs). A spread told by ten steps is
    itself uncertain by a third; ``errors`` of 2 leaves three such errors of room.
    """
    return errors / sqrt(pairs)
