"""The figures that were set as goals, beside what was measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bench.report import grid

Results = Mapping[str, Any]
"""The data of each benchmark, by its name."""


@dataclass(frozen=True)
class Target:
    """One goal: what is measured, its bound, and how it is read from the results."""

    what: str
    bound: float
    read: Callable[[Results], float]
    shape: str = "{:,.0f}"
    least: bool = False

    def row(self, results: Results) -> tuple[str, str, str, str]:
        """Goal, measured, met; a dash where it was not measured."""
        goal = f"{'≥' if self.least else '≤'} {self.shape.format(self.bound)}"
        try:
            value = self.read(results)
        except KeyError:
            return self.what, goal, "–", "–"
        met = value >= self.bound if self.least else value <= self.bound
        return self.what, goal, self.shape.format(value), "yes" if met else "**no**"


def targets() -> list[Target]:
    """All of them, in the order of the table."""
    one, two = _ingest("1", "one process"), _ingest("2", "two processes")
    return [*one, *two, *_GROWTH, *_PAGES, *_OTHERS]


def _ingest(count: str, name: str) -> list[Target]:
    def part(results: Results, kind: str, figure: str) -> float:
        return float(results["ingest"]["processes"][count][kind][figure])

    def rate(results: Results) -> float:
        return part(results, "batches", "rate")

    whole = f"batches of 200 steps, 4 clients, {name}"
    singly = f"single steps, 8 clients, {name}"
    times = "{:,.1f} ×"
    return [
        Target(f"{whole}: points/s", 600_000, rate, least=True),
        Target("— of raw COPY", 0.25, lambda r: part(r, "batches", "share"), "{:.0%}", least=True),
        Target("— of the fastest peer", 3, lambda r: rate(r) / _fastest(r), times, least=True),
        Target("— of MLflow's server", 60, lambda r: rate(r) / _mlflow(r), times, least=True),
        Target(f"{singly}: requests/s", 700, lambda r: part(r, "singles", "rate"), least=True),
        Target(f"{singly}: p99", 40, lambda r: part(r, "singles", "p99_ms"), "{:.1f} ms"),
    ]


def _mlflow(results: Results) -> float:
    return max(map(float, results["peers"]["mlflow"].values()))


def _fastest(results: Results) -> float:
    files = [float(one["rate"]) for one in results["peers"]["files"].values()]
    return max(_mlflow(results), *files)


def _length(results: Results, steps: int) -> Mapping[str, float]:
    lengths: dict[int, Mapping[str, float]] = {
        one["steps"]: one for one in results["growth"]["lengths"]
    }
    return lengths[steps]


def _slowest_list(results: Results) -> float:
    counts = {one["runs"]: one for one in results["growth"]["counts"]}[10_000]
    return max(float(value) for name, value in counts.items() if name != "runs")


_GROWTH = [
    Target("bytes a point, sealed, with indexes", 12, lambda r: r["growth"]["bytes"], "{:.1f}"),
    Target(
        "chart of 1,000,000 steps, 2000 points",
        60,
        lambda r: _length(r, 1_000_000)["chart"],
        "{:.0f} ms",
    ),
    Target(
        "— of the time at 10,000 steps",
        2,
        lambda r: _length(r, 1_000_000)["chart"] / _length(r, 10_000)["chart"],
        "{:.1f} ×",
    ),
    Target(
        "a step at the end of 1,000,000 against one of the first 1000",
        1.2,
        lambda r: _length(r, 1_000_000)["last_wall"] / _length(r, 1_000_000)["first_wall"],
        "{:.2f} ×",
    ),
    Target("list of 10,000 runs, the slowest kind", 100, _slowest_list, "{:.0f} ms"),
]


def _watching(results: Results) -> float:
    live = results["pages"]["live"]
    return float(live["20"]["service"] - live["0"]["service"])


_PAGES = [
    Target(
        "page of a run of 1,000,000 steps × 100 metrics: HTML",
        100,
        lambda r: r["pages"]["html"]["run"],
        "{:.0f} ms",
    ),
    Target(
        "— its first chart",
        1000,
        lambda r: r["pages"]["loaded"]["run"]["first_chart"],
        "{:,.0f} ms",
    ),
    Target(
        "— its longest task",
        200,
        lambda r: r["pages"]["loaded"]["run"]["longest_task"],
        "{:.0f} ms",
    ),
    Target(
        "— its weight, compressed",
        600,
        lambda r: r["pages"]["loaded"]["run"]["kilobytes"],
        "{:.0f} kB",
    ),
    Target("20 open pages on a live run, of a core of the service", 0.1, _watching, "{:.0%}"),
]


def _hook(results: Results, at: int) -> float:
    return max(float(one["log_us"][at] / one["put_us"][at]) for one in results["hook"]["troubles"])


_OTHERS = [
    Target(
        "`run.log`, median of `queue.put`, in the worst trouble",
        1.5,
        lambda r: _hook(r, 0),
        "{:.2f} ×",
    ),
    Target("— p99 of `queue.put`'s p99", 3, lambda r: _hook(r, 1), "{:.2f} ×"),
    Target(
        "import of 50 metrics a step: steps/s",
        20_000,
        lambda r: r["import"]["sent"],
        least=True,
    ),
    Target(
        "the rules, in a batch at step 1,000,000: µs a step",
        40,
        lambda r: r["engine"]["ages"][-1]["us"][0],
        "{:.1f}",
    ),
    Target(
        "from a push to the receiver of its alert, p99",
        1000,
        lambda r: r["alerts"]["p99_ms"],
        "{:.0f} ms",
    ),
]


def table(results: Results) -> str:
    """A row for each goal."""
    heads = ("what", "goal", "measured", "met")
    return grid(heads, [target.row(results) for target in targets()])
