from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import quote

import typer

from gadwatch_cli.check import Lang, Packs, StageOption, check_lang, judge_file
from gadwatch_cli.connection import Connection, Url
from gadwatch_cli.console import err
from gadwatch_cli.errors import Failure
from gadwatch_rules import Step

if TYPE_CHECKING:
    from gadwatch_cli.judging import Judged

FORMATS = {".html": "html", ".md": "md"}


def report(
    subject: Annotated[str, typer.Argument(help="A log file, or a run's id or name.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="File to write: .html (with charts) or .md.")
    ],
    stage: StageOption = "auto",
    rules: Packs = None,
    warmup_steps: Annotated[
        int | None, typer.Option(min=1, help="Planned length of the warm-up, for a log file.")
    ] = None,
    lang: Lang = "en",
    url: Url = None,
) -> None:
    """Write the analysis of a run: the answer, its checks, the reward, the way, advice."""
    check_lang(lang)
    form = FORMATS.get(out.suffix)
    if form is None:
        raise Failure(f"{out} must end in .html or .md")
    path = Path(subject)
    if path.exists():
        judged = judge_file(path, stage, warmup_steps, rules, keep_history=True)
        text = _of_log(path.name, judged, form, lang, warmup_steps)
    else:
        connection = Connection.open(url)
        run_id = connection.find_run(subject)["id"]
        text = connection.download(
            f"/runs/{quote(run_id, safe='')}/report", {"format": form, "lang": lang}
        )
    try:
        out.write_text(text, "utf-8")
    except OSError as error:
        raise Failure(f"{out} cannot be written: {error.strerror}") from error
    err.print(f"{out} written")


def _of_log(name: str, judged: "Judged", form: str, lang: str, warmup_steps: int | None) -> str:
    try:
        from gadwatch_dashboards import report as analysis
    except ModuleNotFoundError as error:
        raise Failure(
            f"reports need more packages ({error.name} is missing): pip install 'gadwatch[service]'"
        ) from error
    assessment = judged.engine.assess(judged.state, name, lang)
    steps = [Step(one.step, one.metrics, one.time) for one in judged.history]
    write: Callable[..., str] = analysis.html if form == "html" else analysis.markdown
    more = {"stage2_from": judged.stage2_from} if form == "html" else {}
    return write(
        assessment, analysis.series_of(steps), lang=lang, warmup_steps=warmup_steps, **more
    )
