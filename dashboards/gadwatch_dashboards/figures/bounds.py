"""The bounds that figures shade, read from the rules that judge the run."""

import json
from collections.abc import Mapping
from functools import lru_cache
from math import isfinite

from gadwatch_dashboards.figures.series import Zone
from gadwatch_dashboards.formats import number
from gadwatch_dashboards.texts import Texts
from gadwatch_rules import PackError, load_pack, shipped_packs
from gadwatch_rules.pack import Pack, RuleEntry

Overrides = Mapping[str, Mapping[str, float]]
_SIDES = ("ok_low", "ok_high", "critical_low", "critical_high")


def zones(pack_label: str, overrides: Overrides, texts: Texts) -> Mapping[str, Zone]:
    """Metric -> its bounds under this pack (``name@version``) and these changed thresholds.

    A pack that is not shipped with this version draws nothing.
    """
    return _zones(
        pack_label.split("@", maxsplit=1)[0], json.dumps(overrides, sort_keys=True), texts
    )


@lru_cache(maxsize=256)
def _zones(name: str, overrides: str, texts: Texts) -> Mapping[str, Zone]:
    if name not in shipped_packs():
        return {}
    pack = load_pack(name)
    known = pack.overridable()
    own = {rule: laid for rule, laid in json.loads(overrides).items() if rule in known}
    try:
        pack = pack.with_overrides(own) if own else pack
    except PackError:
        # Thresholds of another version of the pack: its own bounds are better than none.
        pack = load_pack(name)
    return zones_of(pack, texts)


def zones_of(pack: Pack, texts: Texts) -> dict[str, Zone]:
    """The bounds of every metric that the pack's rules bound; several rules add up."""
    sides: dict[str, dict[str, float]] = {}
    for entry in pack.entries:
        for metric in entry.metrics:
            sides.setdefault(metric, {}).update(_bounds_of(entry))
    return {
        metric: Zone(**found, label=_label(found, texts))
        for metric, found in sides.items()
        if found
    }


def _bounds_of(entry: RuleEntry) -> dict[str, float]:
    given = entry.thresholds
    if entry.kind == "range":
        limits = {"ok_low": given["low"], "ok_high": given["high"]}
        limits |= {"critical_low": given["low"], "critical_high": given["high"]}
    elif entry.kind == "ceiling":
        limits = {"ok_high": given["ok_high"], "critical_high": given["spike"]}
    elif entry.kind == "band":
        limits = {side: given[side] for side in _SIDES}
        if entry.rules[0].options.get("absolute"):
            limits |= {"ok_low": -given["ok_high"], "critical_low": -given["critical_high"]}
    else:
        limits = {}
    return {side: value for side, value in limits.items() if isfinite(value)}


def _label(found: Mapping[str, float], texts: Texts) -> str:
    low, high = found.get("ok_low"), found.get("ok_high")
    if low is not None and high is not None:
        return texts("chart.healthy", range=f"{number(low)} … {number(high)}")
    if high is not None:
        return texts("chart.healthy", range=f"≤ {number(high)}")
    if low is not None:
        return texts("chart.healthy", range=f"≥ {number(low)}")
    return ""
