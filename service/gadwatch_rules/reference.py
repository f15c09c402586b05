"""The rules as a document, made from the packs and texts so that it cannot differ from them."""

from collections.abc import Iterator
from math import isfinite

from gadwatch_rules.clauses import required
from gadwatch_rules.measures import CLAUSES, SAFETY
from gadwatch_rules.pack import Pack, RuleEntry, load_pack, shipped_packs
from gadwatch_rules.texts import catalogue, number

_SHARED = """\
Thresholds that many rules share: `smooth` is the number of values whose median is judged;
`margin` and `relative_margin` are how far beyond a bound a value must lie, and how far inside
it must come back; `silent_steps` is how long the high side keeps quiet at the start;
`grace_steps` and `grace_share` (of the warm-up) are how long the low side counts as learning,
and `rising_share` for how much of the warm-up it may, while it still rises (in the warning zone:
while it does not fall; `settling` rules: the high side, while it does not grow). `correlation`
rules and `stability` allow what chance does with `critic/pairs` pairs (256 where not logged)."""


def reference(lang: str = "en") -> str:
    """Every pack, rule, clause and diagnosis as Markdown."""
    return "\n".join(_lines(lang)) + "\n"


def _lines(lang: str) -> Iterator[str]:
    texts = catalogue(lang)
    yield "# Rules"
    yield ""
    yield "Made by `gadwatch rules reference` from the packs themselves; edit those instead."
    yield "Thresholds can be overridden per project and per run, and packs replaced by your own:"
    yield "`gadwatch rules show gad-warmup > own.toml`, `gadwatch rules validate own.toml`,"
    yield "`gadwatch check --rules own.toml train.log`."
    yield ""
    yield _SHARED
    for pack in map(load_pack, shipped_packs()):
        yield from _pack(pack, lang)
    yield from ["", "## Diagnoses", ""]
    yield "Several metrics read together. Each names its evidence."
    for name, diagnosis in texts["diagnoses"].items():
        yield from ["", f"### `{name}`: {diagnosis['title']}", "", diagnosis["explanation"]]
        yield from ["", *(f"- {line}" for line in diagnosis["advice"])]


def _pack(pack: Pack, lang: str) -> Iterator[str]:
    texts = catalogue(lang)
    yield from ["", f"## `{pack.name}`, version {pack.version}", "", pack.description]
    for entry in pack.entries:
        words = texts["rules"][entry.id]
        yield from ["", f"### `{entry.id}`: {words['title']}", "", words["why"], ""]
        yield f"- metrics: {_metrics(entry)}"
        yield f"- kind: `{entry.kind}`"
        if entry.thresholds:
            yield f"- thresholds: {_thresholds(entry)}"
        hold = entry.hold
        if entry.kind != "finite" and hold.window > 1:
            yield (
                f"- fires on {hold.fire} of the last {hold.window} judgements, "
                f"ends after {hold.clean} good ones"
            )
        yield f"- source: {entry.source}"
        yield from (f"- try: {line}" for line in words["advice"])
    if pack.gate is not None:
        yield from ["", "### The gate: ready for stage 2", ""]
        yield f"Judged at every step over the last {number(pack.gate.window)} warm-up steps."
        yield "Every clause must pass; unknown never counts as pass."
        yield from ["", "| clause | kind | asks for | required |", "|---|---|---|---|"]
        for clause in CLAUSES:
            name = clause.__name__
            kind = "safety" if clause in SAFETY else "target"
            words = texts["clauses"][name]
            yield f"| `{name}` | {kind} | {words['asks']} | {required(name, pack.gate)} |"


def _metrics(entry: RuleEntry) -> str:
    if len(entry.metrics) > 8:
        return "every watched metric"
    return ", ".join(f"`{metric}`" for metric in entry.metrics)


def _thresholds(entry: RuleEntry) -> str:
    return ", ".join(
        f"`{name}` {number(value)}" for name, value in entry.thresholds.items() if isfinite(value)
    )
