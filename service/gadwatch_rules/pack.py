"""Packs: rules as data. Loading validates everything and names file, line and rule."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import resources
from math import isnan
from pathlib import Path
from typing import Any

from gadwatch_rules.catalogue import canonical_name, watched_metrics
from gadwatch_rules.errors import PackError
from gadwatch_rules.gate_settings import GateSettings
from gadwatch_rules.hold import Hold
from gadwatch_rules.primitives import KINDS, Rule
from gadwatch_rules.results import Severity
from gadwatch_rules.toml_lines import Lines

SHIPPED = ("gad-warmup", "gad-stage2", "rl-generic")
STAGES = ("warmup", "stage2", "generic")

_PACK_KEYS = {"name", "version", "stage", "description", "rules", "gate"}
_RULE_KEYS = {"kind", "metric", "metrics", "hold", "severity", "source", "title", "advice"}
_HOLD_KEYS = {"fire", "window", "clean"}
_SEVERITIES = {"info": Severity.INFO, "notice": Severity.NOTICE, "warning": Severity.WARNING}

Overrides = Mapping[str, Mapping[str, float]]
"""``{rule id: {threshold: value}}``; the gate's thresholds are under ``gate``."""


@dataclass(frozen=True)
class RuleEntry:
    """A rule as the pack documents it; ``rules`` are its instances, one a metric."""

    id: str
    kind: str
    metrics: tuple[str, ...]
    thresholds: Mapping[str, float]
    hold: Hold
    source: str
    rules: tuple[Rule, ...]
    title: str = ""
    advice: tuple[str, ...] = ()
    set_here: frozenset[str] = field(default_factory=frozenset)
    """The thresholds that the pack or an override names; the others are the kind's defaults."""


@dataclass(frozen=True)
class Pack:
    """A validated set of rules for one stage, with the gate where the stage has one."""

    name: str
    version: int
    stage: str
    description: str
    entries: tuple[RuleEntry, ...]
    gate: GateSettings | None
    overridden: Mapping[str, Mapping[str, float]]
    text: str = field(repr=False)
    """The TOML it was read from, and the file's name."""
    file: str

    def with_overrides(self, overrides: Overrides) -> "Pack":
        """The same pack with these thresholds; PackError on unknown rules or thresholds."""
        return parse_pack(self.text, self.file, overrides)

    @property
    def label(self) -> str:
        """``name@version``; a ``+`` marks overridden thresholds."""
        return f"{self.name}@{self.version}{'+' if self.overridden else ''}"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule on every metric, in the pack's order."""
        return tuple(rule for entry in self.entries for rule in entry.rules)

    def overridable(self) -> set[str]:
        """The rules whose thresholds an override may change."""
        names = {entry.id for entry in self.entries}
        return names | {"gate"} if self.gate is not None else names

    def entry(self, rule_id: str) -> RuleEntry:
        """The documented rule of this id; KeyError when there is none."""
        for entry in self.entries:
            if entry.id == rule_id:
                return entry
        raise KeyError(rule_id)


def shipped_packs() -> tuple[str, ...]:
    """Names of the packs that come with gadwatch."""
    return SHIPPED


def shipped_source(name: str) -> str:
    """The TOML text of a shipped pack."""
    if name not in SHIPPED:
        known = ", ".join(SHIPPED)
        raise PackError(f"there is no pack {name!r}; the shipped ones are {known}")
    return (resources.files("gadwatch_rules") / "packs" / f"{name}.toml").read_text("utf-8")


def load_pack(source: str | Path, overrides: Overrides | None = None) -> Pack:
    """A shipped pack by name, or one from a TOML file by path.

    Raises PackError with file, line and rule when anything in it is wrong.
    """
    if isinstance(source, str) and source in SHIPPED:
        text, file = shipped_source(source), f"{source}.toml"
    else:
        path = Path(source)
        file = str(path)
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            known = ", ".join(SHIPPED)
            raise PackError(
                f"cannot read the pack {file}: {error}; give a TOML file or one of {known}"
            ) from error
    return parse_pack(text, file, overrides)


def parse_pack(text: str, file: str = "pack", overrides: Overrides | None = None) -> Pack:
    """A pack from TOML text. ``file`` is what errors call it."""
    return _parse_cached(text, file, _frozen(overrides or {}))


def _frozen(overrides: Overrides) -> tuple[tuple[str, tuple[tuple[str, float], ...]], ...]:
    frozen = []
    for rule, limits in sorted(overrides.items()):
        if not isinstance(limits, Mapping):
            raise PackError("an override must be a table of thresholds", rule=rule)
        frozen.append((rule, tuple(sorted(limits.items()))))
    return tuple(frozen)


@lru_cache(maxsize=256)
def _parse_cached(
    text: str, file: str, overrides: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]
) -> Pack:
    laid = {rule: dict(limits) for rule, limits in overrides if limits}
    return _Parser(text, file, laid).pack()


class _Parser:
    """One reading of one file."""

    def __init__(self, text: str, file: str, overrides: dict[str, dict[str, float]]) -> None:
        self.text = text
        self.file = file
        self.lines = Lines(text)
        self.overrides = overrides
        try:
            self.document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise PackError(
                f"not valid TOML: {error}", file=file, line=Lines.of_error(error)
            ) from error

    def fail(self, problem: str, *path: str, rule: str = "") -> PackError:
        return PackError(problem, file=self.file, line=self.lines.find(*path), rule=rule)

    def pack(self) -> Pack:
        document = self.document
        self.known_keys(document, _PACK_KEYS)
        name = self.typed(document, str, "a text", "name")
        version = self.typed(document, int, "a whole number", "version")
        stage = self.typed(document, str, "a text", "stage")
        if stage not in STAGES:
            raise self.fail(f"stage is {stage!r}, expected one of {', '.join(STAGES)}", "stage")
        tables = document.get("rules", {})
        if not isinstance(tables, dict) or not tables:
            raise self.fail("expected at least one rule as a table [rules.NAME]", "rules")
        gate = self.gate(document.get("gate"))
        self.known_overrides(tables, gate)
        return Pack(
            name,
            version,
            stage,
            str(document.get("description", "")),
            tuple(self.entry(rule, table) for rule, table in tables.items()),
            gate,
            self.overrides,
            self.text,
            self.file,
        )

    def known_overrides(self, tables: dict[str, Any], gate: GateSettings | None) -> None:
        known = [*tables, *(["gate"] if gate else [])]
        for rule in self.overrides:
            if rule not in known:
                raise PackError(
                    f"there is no such rule in {self.document['name']} to override; "
                    f"known: {', '.join(known)}",
                    rule=rule,
                )

    def entry(self, rule: str, table: Any) -> RuleEntry:
        path = ("rules", rule)
        if not isinstance(table, dict):
            raise self.fail("expected a table", *path, rule=rule)
        kind_name = self.typed(table, str, "a text", *path, "kind", rule=rule)
        kind = KINDS.get(kind_name)
        if kind is None:
            raise self.fail(
                f"kind is {kind_name!r}, expected one of {', '.join(sorted(KINDS))}",
                *path,
                "kind",
                rule=rule,
            )
        self.known_keys(table, _RULE_KEYS | set(kind.DEFAULTS) | kind.OPTIONS, *path, rule=rule)
        metrics = self.metrics(rule, table)
        given = {
            key: self.number(table, *path, key, rule=rule) for key in table if key in kind.DEFAULTS
        }
        override = self.override(rule, kind.DEFAULTS)
        thresholds = {**kind.DEFAULTS, **given, **override}
        options = {key: table[key] for key in table if key in kind.OPTIONS or key == "title"}
        hold = self.hold(rule, table)
        try:
            rules = tuple(kind(rule, metric, thresholds, hold, options) for metric in metrics)
        except ValueError as error:
            raise self.fail(str(error), *path, rule=rule) from error
        return RuleEntry(
            rule,
            kind_name,
            metrics,
            thresholds,
            hold,
            str(table.get("source", "")),
            rules,
            str(table.get("title", "")),
            tuple(str(line) for line in table.get("advice", ())),
            frozenset(given) | frozenset(override),
        )

    def metrics(self, rule: str, table: dict[str, Any]) -> tuple[str, ...]:
        path = ("rules", rule)
        if ("metric" in table) == ("metrics" in table):
            raise self.fail(
                'expected either metric = "NAME" or metrics = ["NAME", …] or metrics = "*"',
                *path,
                rule=rule,
            )
        if table.get("metrics") == "*":
            return watched_metrics()
        key = "metric" if "metric" in table else "metrics"
        names = [table[key]] if key == "metric" else table[key]
        if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
            raise self.fail(f"{key} must name metrics as texts", *path, key, rule=rule)
        return tuple(canonical_name(name) for name in names)

    def hold(self, rule: str, table: dict[str, Any]) -> Hold:
        path = ("rules", rule, "hold")
        given = table.get("hold", {})
        if not isinstance(given, dict):
            raise self.fail("hold must be a table { fire, window, clean }", *path, rule=rule)
        self.known_keys(given, _HOLD_KEYS, *path, rule=rule)
        counts: dict[str, Any] = {
            key: int(self.number(given, *path, key, rule=rule)) for key in given
        }
        hold = Hold()._replace(**counts)
        if not 1 <= hold.fire <= hold.window <= 64 or hold.clean < 1:
            raise self.fail("hold needs 1 <= fire <= window <= 64 and clean >= 1", *path, rule=rule)
        word = table.get("severity", "warning")
        if word not in _SEVERITIES:
            raise self.fail(
                f"severity is {word!r}, expected one of {', '.join(_SEVERITIES)} "
                "(critical comes from the bounds)",
                "rules",
                rule,
                "severity",
                rule=rule,
            )
        return hold._replace(warning=_SEVERITIES[word])

    def gate(self, table: Any) -> GateSettings | None:
        if table is None:
            return None
        if not isinstance(table, dict):
            raise self.fail("expected a table", "gate")
        fields = GateSettings._fields
        self.known_keys(table, {*fields, "source"}, "gate")
        given: dict[str, Any] = {
            key: self.number(table, "gate", key) for key in table if key != "source"
        }
        override = self.override("gate", dict.fromkeys(fields, 0.0))
        settings = GateSettings()._replace(**{**given, **override})
        settings = settings._replace(window=int(settings.window))
        problem = settings.problem()
        if problem:
            raise self.fail(problem, "gate")
        return settings

    def override(self, rule: str, known: Mapping[str, float]) -> dict[str, float]:
        laid = self.overrides.get(rule, {})
        for threshold, value in laid.items():
            if threshold not in known:
                raise PackError(
                    f"there is no threshold {threshold!r} to override; "
                    f"known: {', '.join(sorted(known))}",
                    rule=rule,
                )
            if isinstance(value, bool) or not isinstance(value, int | float) or isnan(value):
                raise PackError(
                    f"threshold {threshold!r} must be a number, not {value!r}", rule=rule
                )
        return {key: float(value) for key, value in laid.items()}

    def known_keys(
        self, table: Mapping[str, Any], known: Iterable[str], *path: str, rule: str = ""
    ) -> None:
        known = set(known)
        for key in table:
            if key not in known:
                raise self.fail(
                    f"unknown key {key!r}, expected one of {', '.join(sorted(known))}",
                    *path,
                    key,
                    rule=rule,
                )

    def number(self, table: Mapping[str, Any], *path: str, rule: str = "") -> float:
        value = table[path[-1]]
        if isinstance(value, bool) or not isinstance(value, int | float) or isnan(value):
            raise self.fail(f"{path[-1]} must be a number, not {value!r}", *path, rule=rule)
        return float(value)

    def typed(
        self, table: Mapping[str, Any], kind: type, words: str, *path: str, rule: str = ""
    ) -> Any:
        value = table.get(path[-1])
        if not isinstance(value, kind) or isinstance(value, bool):
            raise self.fail(f"{path[-1]} must be {words}", *path, rule=rule)
        return value
