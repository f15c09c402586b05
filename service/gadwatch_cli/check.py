import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from gadwatch_cli.assessment_view import render
from gadwatch_cli.console import err, out, print_json
from gadwatch_cli.errors import Exit, Failure
from gadwatch_cli.judging import Judged, Stage, judge
from gadwatch_hooks.errors import UnreadableLogError
from gadwatch_hooks.readers import Record, detect, read
from gadwatch_rules import PackError, canonical_name, snapshot, watched_metrics
from gadwatch_rules.texts import LANGUAGES

Lang = Annotated[str, typer.Option(help="Language of the texts: en or zh.")]
Packs = Annotated[
    list[str] | None,
    typer.Option("--rules", help="A pack (name or TOML file) in place of the shipped one."),
]
StageOption = Annotated[Stage, typer.Option(help="Which rules apply; auto reads it off the log.")]


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Logs: verl console, JSONL, CSV, tfevents, trainer_state.json."),
    ] = None,
    stage: StageOption = "auto",
    rules: Packs = None,
    warmup_steps: Annotated[
        int | None, typer.Option(min=1, help="Planned length of the warm-up.")
    ] = None,
    one_step: Annotated[
        str | None,
        typer.Option("--snapshot", help="Judge one step: '{\"critic/d_acc\": 0.9473, …}'."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the assessment as JSON.")] = False,
    lang: Lang = "en",
) -> None:
    """Judge a log with no server. Exit code 1 when a critical finding is open at its end."""
    check_lang(lang)
    if one_step is not None and paths:
        raise Failure("name a log file to check or give one step with --snapshot, not both")
    if one_step is None and not paths:
        raise Failure("name a log file to check, or give one step with --snapshot '{…}'")
    if one_step is not None:
        stage2 = stage == "stage2"
        assessments = [snapshot(_parse(one_step), "stage2" if stage2 else "warmup", lang).as_dict()]
    else:
        judged = [(path, judge_file(path, stage, warmup_steps, rules)) for path in paths or []]
        assessments = [one.assessment(path.name, lang) for path, one in judged]
        if not as_json:
            for path, one in judged:
                _tell_what_was_read(path, one)
    for number, assessment in enumerate(assessments):
        if as_json:
            print_json(assessment)
            continue
        if number:
            out.print()
        out.print(render(assessment))
    critical = any(assessment["health"] == "critical" for assessment in assessments)
    raise typer.Exit(Exit.NO if critical else Exit.FINE)


def check_lang(lang: str) -> None:
    """Refuse a language that there are no texts in."""
    if lang not in LANGUAGES:
        raise Failure(f"--lang is {lang!r}; it must be {' or '.join(LANGUAGES)}")


def judge_file(
    path: Path,
    stage: Stage = "auto",
    warmup_steps: int | None = None,
    packs: list[str] | None = None,
    *,
    keep_history: bool = False,
) -> Judged:
    """Read a log and judge it; raises :class:`Failure` in one clear line when that cannot be."""
    try:
        return judge(
            _usable(path, read_log(path)),
            stage,
            warmup_steps,
            packs or (),
            keep_history=keep_history,
        )
    except PackError as error:
        raise Failure(str(error)) from error


def read_log(path: Path, progress: Callable[[int], None] | None = None) -> Iterator[Record]:
    """The records of a log; :class:`Failure` when it is none.

    ``progress`` is told the bytes read so far.
    """
    try:
        yield from read(path, progress=progress)
    except (UnreadableLogError, OSError) as error:
        raise Failure(str(error)) from error
    except ModuleNotFoundError as error:
        raise Failure(f"{path}: {error}") from error


def _usable(path: Path, records: Iterator[Record]) -> Iterator[Record]:
    """The same records; complains at the end when none of them had a metric to judge."""
    seen: dict[str, None] = {}
    usable = False
    for record in records:
        if not usable:
            seen.update(dict.fromkeys(record.metrics))
            usable = _has_watched(record.metrics)
        yield record
    if not usable:
        raise _nothing_to_judge(str(path), list(seen))


def _has_watched(metrics: Iterable[str]) -> bool:
    watched = set(watched_metrics())
    return any(canonical_name(name) in watched for name in metrics)


def _nothing_to_judge(what: str, seen: list[str]) -> Failure:
    found = ", ".join(seen[:8]) or "no metric at all"
    more = f" and {len(seen) - 8} more" if len(seen) > 8 else ""
    return Failure(
        f"{what} has no metric that a rule judges. Looked for critic/d_acc, "
        f"critic/score_diff, critic/grad_norm, actor/pg_loss, response_length/mean, … and "
        f"their aliases; found {found}{more}."
    )


def _parse(text: str) -> dict[str, float]:
    try:
        metrics = json.loads(text)
    except ValueError as error:
        raise Failure(
            f"--snapshot is no JSON ({error}); write '{{\"critic/d_acc\": 0.94}}'"
        ) from error
    if not isinstance(metrics, dict) or not metrics:
        raise Failure("--snapshot wants an object of metric names and numbers")
    if not _has_watched(metrics):
        raise _nothing_to_judge("--snapshot", list(metrics))
    return {str(name): _number(name, value) for name, value in metrics.items()}


def _number(name: str, value: Any) -> float:
    if value is None:
        return float("nan")
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Failure(f"--snapshot: {name} is {value!r}; it must be a number")
    try:
        return float(value)
    except ValueError as error:
        raise Failure(f"--snapshot: {name} is {value!r}; it must be a number") from error


def _tell_what_was_read(path: Path, judged: Judged) -> None:
    form = detect(path)
    merged = judged.entries - judged.records
    note = f"{path}: {form.name}, {judged.records} steps"
    if merged:
        note += f" ({merged} shared a step with another entry, such as a validation, and merged)"
    if judged.segments > 1:
        note += f"; it steps back {judged.segments - 1} times: the newest attempt is judged"
    err.print(note, style="dim")
