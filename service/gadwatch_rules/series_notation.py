"""The small notation for series in case files.

Values are separated by spaces: ``0.5+0.01x30 _x5 nan 0.9x20``.

- ``0.9``: one value; ``0.9x20``: twenty of them;
- ``0.5+0.01x30`` (or ``-``): thirty values, each 0.01 more than the one before;
- ``0.9~0.02x50``: fifty values with Gaussian noise of that spread, the same in every run;
- ``_`` or ``_x5``: steps at which the metric does not come;
- ``nan``, ``inf``, ``-inf``, each with ``xN`` if wanted.
"""

import random
import re

_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_TOKEN = re.compile(
    rf"(?P<base>_|[+-]?(?:nan|inf|{_NUMBER}))"
    rf"(?P<slope>[+-]{_NUMBER})?"
    rf"(?:~(?P<noise>{_NUMBER}))?"
    r"(?:x(?P<count>\d+))?",
    re.IGNORECASE,
)
MOST = 100_000
"""Longest series: a case is a test, not a load."""


def parse_series(text: str, seed: str = "") -> list[float | None]:
    """The values of a series; None where the metric does not come.

    Raises ValueError with the token that is wrong. ``seed`` names the noise.
    """
    noise = random.Random(seed)  # noqa: S311 - repeatable noise for tests, no secret
    values: list[float | None] = []
    for token in text.split():
        found = _TOKEN.fullmatch(token)
        if found is None:
            raise ValueError(
                f"{token!r} is no part of a series; expected VALUE, VALUExN, VALUE+STEPxN, "
                "VALUE~NOISExN, _, _xN, nan or inf"
            )
        count = int(found["count"] or 1)
        if not 1 <= count <= MOST - len(values):
            raise ValueError(f"{token!r}: a series has 1 to {MOST} values")
        if found["base"] == "_":
            if found["slope"] or found["noise"]:
                raise ValueError(f"{token!r}: a gap has neither slope nor noise")
            values.extend([None] * count)
            continue
        base, slope = float(found["base"]), float(found["slope"] or 0)
        spread = float(found["noise"] or 0)
        values.extend(
            base + slope * at + (noise.gauss(0, spread) if spread else 0.0) for at in range(count)
        )
    if not values:
        raise ValueError("the series is empty")
    return values
