"""The rule packs: what they say, whether yours is sound, and its test cases."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gadwatch_cli.check import Lang, check_lang
from gadwatch_cli.console import err, out
from gadwatch_cli.errors import Exit, Failure
from gadwatch_rules import Pack, PackError, load_pack, shipped_packs
from gadwatch_rules.texts import catalogue

app = typer.Typer(no_args_is_help=True, help="Rule packs: list, show, validate, test.")


@app.command(name="list")
def list_() -> None:
    """The packs that come with gadwatch, and their rules."""
    for name in shipped_packs():
        pack = load_pack(name)
        out.print(Text.assemble((pack.label, "bold"), f"  {pack.description}"))
        table = Table.grid(padding=(0, 2))
        for entry in pack.entries:
            every = len(entry.metrics) > 8
            metrics = "every watched metric" if every else ", ".join(entry.metrics)
            table.add_row("", entry.id, entry.kind, metrics)
        out.print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A pack (name or file), or a rule's id.")],
) -> None:
    """One pack as TOML, or one rule with its thresholds, source and advice."""
    if name in shipped_packs() or Path(name).is_file():
        typer.echo(_load(name).text)
        return
    found = False
    for pack in map(load_pack, shipped_packs()):
        for entry in pack.entries:
            if entry.id == name:
                found = True
                _show_rule(pack, name)
    if not found:
        raise Failure(f"there is no pack, file or rule {name!r}; `gadwatch rules list` has them")


@app.command()
def validate(
    path: Annotated[Path, typer.Argument(help="A pack of your own, as TOML.")],
) -> None:
    """Is this pack sound? A fault is named with its line and rule."""
    pack = _load(str(path))
    out.print(f"{path}: {pack.label} is sound ({len(pack.entries)} rules, stage {pack.stage})")


@app.command()
def reference(lang: Lang = "en") -> None:
    """Every rule, clause and diagnosis with thresholds, source and advice, as Markdown."""
    from gadwatch_rules.reference import reference as markdown

    check_lang(lang)
    typer.echo(markdown(lang), nl=False)


@app.command()
def test(
    path: Annotated[Path, typer.Argument(help="Test cases for rules, as TOML.")],
) -> None:
    """Run test cases of rules: series in, expected findings and verdict out."""
    from gadwatch_rules.casefile import load_cases, run_cases

    try:
        results = run_cases(load_cases(path))
    except PackError as error:
        raise Failure(str(error)) from error
    failed = [result for result in results if not result.passed]
    for result in results:
        mark = ("✔", "green") if result.passed else ("✖", "red")
        out.print(Text.assemble(mark, f" {result.name}"))
        for failure in result.failures:
            out.print(f"    {failure}")
    err.print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    raise typer.Exit(Exit.NO if failed else Exit.FINE)


def _load(source: str) -> Pack:
    try:
        return load_pack(source)
    except PackError as error:
        raise Failure(str(error)) from error


def _show_rule(pack: Pack, rule: str) -> None:
    entry, words = pack.entry(rule), catalogue("en")["rules"][rule]
    out.print(Text.assemble((rule, "bold"), f"  {words['title']}  ", (pack.label, "dim")))
    out.print(f"  {words['why']}")
    table = Table.grid(padding=(0, 2))
    table.add_row("  kind", entry.kind)
    table.add_row("  metrics", ", ".join(entry.metrics))
    for threshold, value in entry.thresholds.items():
        table.add_row(f"  {threshold}", f"{value:g}")
    table.add_row("  source", entry.source)
    for line in words["advice"]:
        table.add_row("  try", line)
    out.print(table)
