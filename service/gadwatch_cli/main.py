"""Runs a command and turns every failure into one line and an exit code."""

import io
import sys
from collections.abc import Sequence

import typer

from gadwatch_cli.commands import CommandGroup
from gadwatch_cli.errors import Exit, Failure

INTERRUPTED = 130

app = typer.Typer(
    name="gadwatch",
    cls=CommandGroup,
    help="Tells you whether your GAD training is healthy, why not, and when the warm-up may end.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from gadwatch_hooks.version import __version__

        typer.echo(f"gadwatch {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit: 0 fine, 1 no, 2 usage or input, 3 unreachable."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Whoever pipes a long command into a file or `tee` wants to see each line as it comes.
        sys.stdout.reconfigure(line_buffering=True)
    try:
        code = app(args=arguments, prog_name="gadwatch", standalone_mode=False)
    except Failure as failure:
        _complain(str(failure))
        sys.exit(failure.code)
    except typer.TyperException as error:
        _complain(error.format_message())
        sys.exit(Exit.USAGE)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.exit(Exit.FINE)
    sys.exit(code if isinstance(code, int) else Exit.FINE)


def _complain(message: str) -> None:
    # A command that wants further words has shown its help, and says no more.
    if message:
        typer.echo(f"gadwatch: {' '.join(message.split())}", err=True)
