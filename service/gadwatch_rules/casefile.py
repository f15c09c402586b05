"""Rules as code: users write cases for their packs and thresholds, and run them.

A case file is TOML::

    pack = "my-pack.toml"        # optional: a shipped pack, or a file beside this one
    warmup_steps = 253           # optional

    [overrides.d_acc_band]       # optional
    ok_high = 0.97

    [[case]]
    name = "a NaN is critical at once"
    stage = "warmup"
    series."critic/d_acc" = "0.8x60 nan"
    series."critic/grad_norm" = "0.4x61"

    [[case.expect]]
    at = 61                      # a step; the last one when left out
    health = "critical"
    firing = ["finite:critical"]
    quiet = ["grad_norm_floor"]
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gadwatch_rules.assessment import Assessment
from gadwatch_rules.catalogue import canonical_name
from gadwatch_rules.engine import Engine
from gadwatch_rules.errors import PackError
from gadwatch_rules.pack import SHIPPED
from gadwatch_rules.series_notation import parse_series
from gadwatch_rules.step import Step
from gadwatch_rules.toml_lines import Lines

_FILE_KEYS = {"pack", "packs", "warmup_steps", "overrides", "case"}
_CASE_KEYS = {"name", "stage", "first_step", "warmup_steps", "series", "expect"}
_EXPECT_KEYS = {
    "at",
    "health",
    "verdict",
    "firing",
    "pending",
    "quiet",
    "diagnoses",
    "first_ready_step",
}


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must hold at a step; ``line`` is where the file says so."""

    at: int
    wanted: Mapping[str, Any]
    line: int


@dataclass(frozen=True, slots=True)
class Case:
    """One run and what is expected of it."""

    name: str
    steps: tuple[Step, ...]
    expectations: tuple[Expectation, ...]
    engine: Engine
    line: int


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What came of a case; ``failures`` say for each expectation what was found instead."""

    name: str
    line: int
    failures: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return not self.failures


def load_cases(path: str | Path) -> list[Case]:
    """The cases of a file. Raises PackError with file and line when it is wrong."""
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise PackError(f"cannot read the case file {path}: {error}") from error
    return parse_cases(text, str(path), path.parent)


def parse_cases(text: str, file: str = "cases", folder: Path | None = None) -> list[Case]:
    """The cases of a TOML text; packs that it names are looked for in ``folder``."""
    return _Reader(text, file, folder or Path()).cases()


def run_case(case: Case) -> CaseResult:
    """Fold the case's steps and compare at every expectation."""
    state = case.engine.new_state()
    failures: list[str] = []
    done = 0
    for expectation in sorted(case.expectations, key=lambda one: one.at):
        upto = done
        while upto < len(case.steps) and case.steps[upto].step <= expectation.at:
            upto += 1
        case.engine.advance(state, case.steps[done:upto])
        done = upto
        assessment = case.engine.assess(state, case.name)
        failures.extend(
            f"line {expectation.line}, step {expectation.at}: {problem}"
            for problem in _differences(expectation.wanted, assessment)
        )
    return CaseResult(case.name, case.line, tuple(failures))


def run_cases(cases: Sequence[Case]) -> list[CaseResult]:
    """Every case's result, in order."""
    return [run_case(case) for case in cases]


def _differences(wanted: Mapping[str, Any], found: Assessment) -> list[str]:
    by_state = {
        state: {
            name: f"{one.rule}:{one.severity} ({one.message()})"
            for one in found.findings
            if one.state == state
            for name in (one.rule, f"{one.rule}:{one.severity}")
        }
        for state in ("firing", "pending")
    }
    seen = {
        "health": found.health,
        "verdict": found.verdict,
        "first_ready_step": found.first_ready_step,
    }
    problems = [
        f"{key}: expected {wanted[key]}, got {value}"
        for key, value in seen.items()
        if key in wanted and wanted[key] != value
    ]
    for state, named in by_state.items():
        there = "; ".join(sorted(set(named.values()))) or "nothing"
        problems.extend(
            f"{state}: expected {rule}, got {there}"
            for rule in wanted.get(state, ())
            if rule not in named
        )
    problems.extend(
        f"quiet: expected no {rule}, got {by_state['firing'][rule]}"
        for rule in wanted.get("quiet", ())
        if rule in by_state["firing"]
    )
    diagnosed = [diagnosis.id for diagnosis in found.diagnoses]
    problems.extend(
        f"diagnoses: expected {name}, got {', '.join(diagnosed) or 'none'}"
        for name in wanted.get("diagnoses", ())
        if name not in diagnosed
    )
    return problems


class _Reader:
    def __init__(self, text: str, file: str, folder: Path) -> None:
        self.file = file
        self.folder = folder
        self.lines = Lines(text)
        try:
            self.document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            line = Lines.of_error(error)
            raise PackError(f"not valid TOML: {error}", file=file, line=line) from error

    def fail(self, problem: str, line: int) -> PackError:
        return PackError(problem, file=self.file, line=line)

    def cases(self) -> list[Case]:
        self.known(self.document, _FILE_KEYS, 1, "the file")
        tables = self.document.get("case")
        if not isinstance(tables, list) or not tables:
            raise self.fail("expected at least one [[case]]", 1)
        return [self.case(table, number) for number, table in enumerate(tables)]

    def known(self, table: Mapping[str, Any], known: set[str], line: int, what: str) -> None:
        for key in table:
            if key not in known:
                raise self.fail(
                    f"unknown key {key!r} in {what}, expected one of {', '.join(sorted(known))}",
                    line,
                )

    def engine(self, table: Mapping[str, Any], line: int) -> Engine:
        packs = list(self.document.get("packs", []))
        if "pack" in self.document:
            packs.append(self.document["pack"])
        named = [str(p) if p in SHIPPED else str(self.folder / str(p)) for p in packs]
        warmup = table.get("warmup_steps", self.document.get("warmup_steps"))
        try:
            return Engine.for_run(table.get("stage"), warmup, self.document.get("overrides"), named)
        except PackError as error:
            if error.file:
                raise
            raise self.fail(str(error), line) from error

    def case(self, table: Mapping[str, Any], number: int) -> Case:
        line = self.lines.nth("case", number)
        name = str(table.get("name", f"case {number + 1}"))
        self.known(table, _CASE_KEYS, line, f"case {name!r}")
        series = table.get("series")
        if not isinstance(series, dict) or not series:
            raise self.fail(f'case {name!r} needs series."METRIC" = "VALUES"', line)
        columns = {metric: self.series(metric, text, name, line) for metric, text in series.items()}
        first = table.get("first_step", 1)
        if isinstance(first, bool) or not isinstance(first, int):
            raise self.fail(f"first_step must be a whole number, not {first!r}", line)
        length = max(map(len, columns.values()))
        steps = []
        for at in range(length):
            metrics = {
                metric: value
                for metric, values in columns.items()
                if at < len(values) and (value := values[at]) is not None
            }
            steps.append(Step(first + at, metrics))
        expectations = table.get("expect", [])
        if not isinstance(expectations, list) or not expectations:
            raise self.fail(f"case {name!r} needs at least one [[case.expect]]", line)
        last = first + length - 1
        start = self.lines.before("case.expect", line)
        return Case(
            name,
            tuple(steps),
            tuple(
                self.expectation(one, last, self.lines.nth("case.expect", start + at), name)
                for at, one in enumerate(expectations)
            ),
            self.engine(table, line),
            line,
        )

    def series(self, metric: str, text: Any, name: str, line: int) -> list[float | None]:
        try:
            return parse_series(str(text), f"{name}/{canonical_name(metric)}")
        except ValueError as error:
            raise self.fail(f"case {name!r}, series {metric!r}: {error}", line) from error

    def expectation(self, table: Any, last: int, line: int, name: str) -> Expectation:
        if not isinstance(table, dict):
            raise self.fail(f"case {name!r}: expected [[case.expect]] tables", line)
        self.known(table, _EXPECT_KEYS, line, f"an expectation of case {name!r}")
        at = table.get("at", last)
        if isinstance(at, bool) or not isinstance(at, int) or at > last:
            raise self.fail(f"at is {at!r}, expected a step up to the last one, {last}", line)
        for key in ("firing", "pending", "quiet", "diagnoses"):
            if not isinstance(table.get(key, []), list):
                raise self.fail(f'{key} must be a list of texts such as ["d_acc_band"]', line)
        return Expectation(at, table, line)
