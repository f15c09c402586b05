"""How much is tried: little in every test run, much by `make fuzz`."""

import os

from hypothesis import HealthCheck, settings

EXAMPLES = int(os.environ.get("GADWATCH_FUZZ_EXAMPLES", "8"))
"""Requests an operation of the REST interface; a multiple of it elsewhere."""

THOROUGH = EXAMPLES > 8


def tries(number: int) -> settings:
    """Hypothesis settings for ``number`` examples in an ordinary test run."""
    return settings(
        max_examples=max(2, number * EXAMPLES // 8),
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=not THOROUGH,
    )
