from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gadwatch_cli.console import err
from gadwatch_cli.errors import Exit, Failure
from gadwatch_cli.progress import StepPrinter

if TYPE_CHECKING:
    from gadwatch_trainer import Result, TrainerConfig

Fault = Annotated[
    str | None, typer.Option(help="Break the training on purpose; `--fault list` names the ways.")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]


def train(
    url: Annotated[
        str | None, typer.Option(envvar="GADWATCH_URL", help="The service to push to.")
    ] = None,
    warmup_steps: Annotated[
        int | None, typer.Option(min=0, help="Steps with a frozen actor.")
    ] = None,
    stage2_steps: Annotated[
        int | None, typer.Option(min=0, help="Steps with both training.")
    ] = None,
    gate: Annotated[
        Literal["fixed", "auto"],
        typer.Option(help="fixed: after the warm-up's steps; auto: when gadwatch says ready."),
    ] = "fixed",
    at_latest: Annotated[
        bool,
        typer.Option(
            "--at-latest",
            help="With the auto gate: hand over after the warm-up's steps even if not ready.",
        ),
    ] = False,
    fault: Fault = None,
    onset: Annotated[int | None, typer.Option(min=1, help="First step of the fault.")] = None,
    seed: Seed = 0,
    out: Annotated[
        Path | None, typer.Option(help="Also write the metrics there, as JSON lines.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Name of the run.")] = None,
    project: Annotated[str, typer.Option(help="Project of the run.")] = "gad-demo",
    push: Annotated[bool, typer.Option(help="Push to the service.")] = True,
) -> None:
    """Train the lightweight GAD model, for real, and push its metrics through the hook."""
    result = run_training(
        fault,
        warmup_steps=warmup_steps,
        stage2_steps=stage2_steps,
        seed=seed,
        url=url,
        gate=gate,
        at_latest=at_latest,
        onset=onset,
        out=out,
        name=name,
        project=project,
        push=push,
    )
    tell_result(result)


def run_training(
    fault: str | None,
    *,
    warmup_steps: int | None,
    stage2_steps: int | None,
    seed: int,
    url: str | None,
    gate: Literal["fixed", "auto"] = "fixed",
    at_latest: bool = False,
    onset: int | None = None,
    out: Path | None = None,
    name: str | None = None,
    project: str = "gad-demo",
    push: bool = True,
    printer: StepPrinter | None = None,
) -> "Result":
    """Train one run and print how it goes; :class:`Failure` for what cannot be trained."""
    check_fault(fault)
    import gadwatch_trainer

    printer = printer or StepPrinter()
    try:
        return gadwatch_trainer.run(
            _config(warmup_steps, stage2_steps, seed),
            url=url,
            out=out,
            gate=gate,
            at_latest=at_latest,
            fault=fault,
            onset=onset,
            name=name,
            project=project,
            push=push,
            on_step=printer.step,
            on_start=printer.start if push else None,
        )
    except ValueError as error:
        raise Failure(str(error)) from error


def check_fault(fault: str | None) -> None:
    """List the faults for ``list``; :class:`Failure` for one that there is not, or no trainer."""
    try:
        from gadwatch_trainer import UnknownFaultError, faults
    except ModuleNotFoundError as error:
        raise Failure(
            f"the trainer needs PyTorch ({error.name} is missing): pip install 'gadwatch[trainer]'"
        ) from error
    if fault == "list":
        _list_faults()
    try:
        if fault is not None:
            faults.find(fault)
    except UnknownFaultError as error:
        raise Failure(str(error)) from error


def tell_result(result: "Result") -> None:
    """What the training itself has come to, in exact task score."""
    err.print(f"\n{result.steps} steps trained", style="dim", end="")
    if result.stage2_from is not None:
        err.print(f", stage 2 from step {result.stage2_from}", style="dim", end="")
    if result.diverged:
        err.print("; the student can no longer be sampled: training has diverged", style="bold red")
    elif result.exact_end is not None:
        err.print(f"; exact answers {result.exact_start:.2f} → {result.exact_end:.2f}", style="dim")


def _config(warmup_steps: int | None, stage2_steps: int | None, seed: int) -> "TrainerConfig":
    from gadwatch_trainer import TrainerConfig

    changes = {"freeze_actor_steps": warmup_steps, "stage2_steps": stage2_steps}
    return TrainerConfig(seed=seed).with_(
        **{name: value for name, value in changes.items() if value is not None}
    )


def _list_faults() -> None:
    from gadwatch_trainer import FAULTS

    for fault in FAULTS.values():
        typer.echo(f"{fault.name:22} {fault.stage:7} {fault.cause}")
    raise typer.Exit(Exit.FINE)
