"""The code on the pages of docs/ways-in runs, as it stands there."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import typer
from tests.serving import ServedProcess

import gadwatch_hooks as gadwatch
import mlflow
from gadwatch_hooks import strict
from gadwatch_hooks.client.results import RunSummary

PAGES = Path(__file__).parents[2] / "docs" / "ways-in"
STEPS = 60

HEALTHY = {"critic/d_acc": 0.85, "critic/score_diff": 1.8, "critic/grad_norm": 0.6}


def code(page: str, language: str) -> list[str]:
    text = (PAGES / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def commands(page: Path) -> list[list[str]]:
    """The gadwatch commands of a page, as their words."""
    lines = "".join(code(page.name, "bash")).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line.startswith("gadwatch ")]


def runs_of(project: str) -> list[RunSummary]:
    with closing(gadwatch.Client()) as client:
        return list(client.runs(project=project))


@pytest.fixture
def at_service(
    served: ServedProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Path]:
    """An empty folder where hook, client, command line and MLflow all find the service."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(strict, "RERAISE", True)
    monkeypatch.setenv("GADWATCH_URL", served.url)
    monkeypatch.setenv("GADWATCH_TOKEN", served.token)
    monkeypatch.setenv("GADWATCH_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", served.token)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    yield tmp_path
    with served.client() as client:
        for run in client.get("/api/v1/runs").json()["items"]:
            client.delete(f"/api/v1/runs/{run['id']}").raise_for_status()


def run_page(page: str, **names: Any) -> dict[str, Any]:
    """Execute a page's Python with what it takes for granted."""
    [block] = code(page, "python")
    exec(compile(block, page, "exec"), names)
    return names


def test_the_hook_the_loop_and_the_client(at_service: Path) -> None:
    run_page("hook.md", loader=range(STEPS), train_step=lambda _batch: HEALTHY)
    pairs = [([2.0, 1.5, 3.0], [0.5, 1.0, 1.0])] * STEPS
    run_page("loop.md", gadwatch=gadwatch, scores=pairs, grad_norm=0.4)
    names = run_page("client.md")
    names["client"].close()
    assert [(run.name, run.status, run.last_step) for run in runs_of("gad-7b")] == [
        ("warmup-7", "finished", STEPS)
    ] * 2
    assert len(names["frame"]) == STEPS


@pytest.mark.filterwarnings("ignore")
def test_hugging_face(at_service: Path) -> None:
    transformers = pytest.importorskip("transformers")
    from tests.integrations.train_with_huggingface import Line, line_data

    run_page(
        "huggingface.md",
        Trainer=transformers.Trainer,
        TrainingArguments=lambda *args, **settings: transformers.TrainingArguments(
            *args, max_steps=5, report_to=[], use_cpu=True, dataloader_pin_memory=False, **settings
        ),
        model=Line(),
        data=line_data("normal"),
    )
    [run] = runs_of("gad")
    assert (run.name, run.status, run.last_step) == ("warmup-7", "finished", 5)


@pytest.mark.filterwarnings("ignore")
def test_lightning(at_service: Path) -> None:
    pytest.importorskip("lightning")
    from lightning.pytorch import Trainer
    from tests.integrations.train_with_lightning import Line, line_data

    names = run_page(
        "lightning.md", Trainer=Trainer, model=Line(fault=False, lr=0.01), data=line_data()
    )
    [run] = runs_of("gad")
    assert run.id == names["logger"].version
    assert (run.name, run.stage, run.status) == ("warmup-7", "warmup", "finished")


@pytest.mark.skipif(importlib.util.find_spec("verl") is None, reason="verl is not installed")
def test_verl(at_service: Path) -> None:
    [block] = code("verl.md", "python")
    begin = "import gadwatch_hooks.integrations.verl\nconfig = {'freeze_actor_steps': 253}\n"
    subprocess.run([sys.executable, "-c", begin + block], check=True)
    [run] = runs_of("gad-7b")
    assert (run.name, run.status, run.last_step) == ("warmup-7", "finished", 253)


def test_mlflow(at_service: Path, served: ServedProcess) -> None:
    [block] = code("mlflow.md", "python")
    exec(block.replace("http://127.0.0.1:8400", served.url), {"mlflow": mlflow})
    [run] = runs_of("gad-7b")
    assert (run.name, run.stage, run.status) == ("warmup-7", "warmup", "finished")


def test_files(at_service: Path) -> None:
    lines = [json.dumps({"step": step, "data": HEALTHY}) for step in range(1, STEPS + 1)]
    (at_service / "metrics.jsonl").write_text("\n".join([*lines, ""]))
    for words in commands(PAGES / "files.md"):
        done = subprocess.run(
            [sys.executable, "-m", "gadwatch_cli", *words],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    found = {run.name: run.last_step for run in runs_of("gad-7b")}
    assert found == {"warmup-7": STEPS, "warmup-8": STEPS}


@pytest.mark.parametrize("page", sorted(PAGES.glob("*.md")), ids=lambda page: page.stem)
def test_every_command_on_a_page_exists_with_its_options(page: Path) -> None:
    from gadwatch_cli.main import app

    group = typer.main.get_command(app)
    for name, *words in commands(page):
        command = group.commands[name]  # type: ignore[attr-defined]
        command.make_context(name, words, resilient_parsing=False).close()


def test_every_page_is_listed_and_every_listed_page_is_there() -> None:
    listed = set(re.findall(r"\((\w+\.md)\)", (PAGES / "README.md").read_text(encoding="utf-8")))
    assert listed == {page.name for page in PAGES.glob("*.md")} - {"README.md"}
