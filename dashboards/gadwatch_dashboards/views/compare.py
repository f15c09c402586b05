"""Several runs side by side: a row each, differences of values and of configuration."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gadwatch_dashboards import formats
from gadwatch_dashboards.palette import run_slots
from gadwatch_dashboards.texts import Texts
from gadwatch_dashboards.views.badges import Badge, badge, verdict_badge
from gadwatch_dashboards.views.run_page import flat_config
from gadwatch_dashboards.views.runs import KEY_METRICS, latest_of, open_findings
from gadwatch_service.runs.view import RunView

DASH_ARRAYS = {"solid": "", "dash": "6 3", "dot": "2 2", "dashdot": "6 2 2 2"}


@dataclass(frozen=True)
class Value:
    """A latest value, and how far it lies from the baseline's."""

    value: str
    difference: str


@dataclass(frozen=True)
class ComparedRun:
    """A run's row; ``slot``, its place among the series colours, and dash are its curves'."""

    run_id: str
    name: str
    slot: int
    dashes: str
    health: Badge
    verdict: Badge
    first_ready: str
    last_step: str
    key_metrics: dict[str, Value]
    findings: tuple[tuple[Badge, int], ...]
    baseline: bool
    baseline_url: str
    remove_url: str


def compared(
    runs: Sequence[RunView],
    baseline: RunView,
    texts: Texts,
    address: Callable[[Sequence[str], str], str],
) -> list[ComparedRun]:
    """The rows. ``address`` gives the page's address for some runs and a baseline."""
    ids = [run.run_id for run in runs]
    return [
        ComparedRun(
            run_id=run.run_id,
            name=run.name,
            slot=slot,
            dashes=DASH_ARRAYS[dash],
            health=badge("health", run.health, texts),
            verdict=verdict_badge(run.stage, run.verdict, texts),
            first_ready=formats.number(run.first_ready_step),
            last_step=formats.number(run.last_step),
            key_metrics={
                key: Value(latest_of(run, metrics), difference(run, baseline, metrics))
                for key, metrics in KEY_METRICS.items()
            },
            findings=open_findings(run, texts),
            baseline=run is baseline,
            baseline_url=address(ids, run.run_id),
            remove_url=address([one for one in ids if one != run.run_id], baseline.run_id),
        )
        for run, (slot, dash) in zip(runs, run_slots(ids), strict=True)
    ]


def difference(run: RunView, baseline: RunView, metrics: Sequence[str]) -> str:
    """``+0.02`` against the baseline; empty for the baseline itself and where one is missing."""
    if run is baseline:
        return ""
    for metric in metrics:
        mine = formats.as_float(run.latest.get(metric))
        its = formats.as_float(baseline.latest.get(metric))
        if mine is not None and its is not None:
            apart = mine - its
            return ("+" if apart > 0 else "") + formats.number(apart, 3)
    return ""


def config_differences(
    configs: Sequence[Mapping[str, Any]],
) -> list[tuple[str, list[str]]]:
    """The keys whose values differ, with the value of each run; an absent one is a dash."""
    flat = [dict(flat_config(config)) for config in configs]
    keys = sorted({key for one in flat for key in one})
    rows = [(key, [one.get(key, formats.ABSENT) for one in flat]) for key in keys]
    return [(key, values) for key, values in rows if len(set(values)) > 1]
