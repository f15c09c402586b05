"""How runs end with their processes: real child processes, real signals."""

import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.hooks.fake_service import FakeService

import gadwatch_hooks
from gadwatch_hooks import Run

Begin = Callable[..., Run]
Start = Callable[..., subprocess.Popen[str]]

LOG_AND_WAIT = """
run.log({"a": 1}, step=1)
print("logged", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def start(service: FakeService, data_dir: Path) -> Iterator[Start]:
    """Start a child that has a run called ``run`` and then does what the test says."""
    children: list[subprocess.Popen[str]] = []

    def start_child(code: str, **environment: str) -> subprocess.Popen[str]:
        head = f"""
            import os, signal, sys, time, threading
            import gadwatch_hooks
            # A suite that runs in the background hands an ignored Ctrl-C down to its children.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            run = gadwatch_hooks.init(id="r", project="p", url={service.url!r})
        """
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(head) + textwrap.dedent(code)],
            env={**os.environ, "GADWATCH_DATA_DIR": str(data_dir), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        children.append(child)
        return child

    yield start_child
    for child in children:
        child.kill()
        child.communicate()


def ended(child: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = child.communicate(timeout=30)
    return child.returncode, errors


def wait_logged(child: subprocess.Popen[str]) -> None:
    assert child.stdout is not None
    assert child.stdout.readline() == "logged\n"


@pytest.mark.parametrize(
    ("code", "status", "exit_code"),
    [
        ("", "finished", 0),
        ("sys.exit(0)", "finished", 0),
        ("sys.exit(3)", "failed", 3),
        ("sys.exit('bad')", "failed", 1),
        ("raise RuntimeError('CUDA out of memory')", "failed", 1),
        ("raise KeyboardInterrupt", "killed", 130),
        ("with run: raise SystemExit(2)", "failed", 2),
        ("with run: 1 / 0", "failed", 1),
        ("os.kill(os.getpid(), signal.SIGTERM); time.sleep(30)", "killed", -15),
    ],
)
def test_the_status_tells_how_the_process_ended(
    start: Start, service: FakeService, code: str, status: str, exit_code: int
) -> None:
    returned, errors = ended(start("run.log({'a': 1}, step=1)\n" + code))
    assert (service.steps(), service.statuses()) == ([1], [status]), errors
    assert returned in {exit_code, -2 if exit_code == 130 else exit_code}


def test_ctrl_c_is_killed_unless_the_trainer_handles_it(start: Start, service: FakeService) -> None:
    child = start(LOG_AND_WAIT)
    wait_logged(child)
    child.send_signal(signal.SIGINT)
    ended(child)
    assert service.statuses() == ["killed"]


def test_a_handled_ctrl_c_ends_as_it_ends(start: Start, service: FakeService) -> None:
    child = start("""
        try:
            print("logged", flush=True)
            time.sleep(30)
        except KeyboardInterrupt:
            run.log({"a": 1}, step=2)
    """)
    wait_logged(child)
    child.send_signal(signal.SIGINT)
    assert ended(child)[0] == 0
    assert service.statuses() == ["finished"]
    assert service.steps() == [2]


def test_the_trainers_own_sigterm_handler_still_runs_and_may_go_on(
    start: Start, service: FakeService
) -> None:
    code = """
        run.finish()
        asked = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: asked.set())
        from gadwatch_hooks import exits
        exits._former.pop("sigterm")
        run = gadwatch_hooks.init(id="second", project="p", url=run._settings.url)
        print("logged", flush=True)
        asked.wait(30)
        run.log({"a": 1}, step=7)  # the checkpoint that the handler asked for
    """
    child = start(code)
    wait_logged(child)
    child.send_signal(signal.SIGTERM)
    assert ended(child)[0] == 0
    assert service.steps("second") == [7]
    assert service.statuses()[-1] == "killed"


def test_the_excepthook_that_was_there_still_runs(start: Start, service: FakeService) -> None:
    child = start("""
        run.finish()
        sys.excepthook = lambda *_: print("the former hook", file=sys.stderr)
        from gadwatch_hooks import exits
        exits._installed_in = None
        run = gadwatch_hooks.init(id="second", project="p", url=run._settings.url)
        raise RuntimeError
    """)
    _, errors = ended(child)
    assert "the former hook" in errors
    assert service.statuses()[-1] == "failed"


def test_kill_9_leaves_the_steps_for_the_next_process(
    start: Start, service: FakeService, begin: Begin, spool: Path
) -> None:
    service.mode = "hang"
    child = start(
        """
        for step in range(1, 101):
            run.log({"a": step}, step=step)
        journal = run._worker._journal
        while journal.folder.joinpath("steps.jsonl").read_bytes().count(b'"step"') < 100:
            time.sleep(0.01)
        print("logged", flush=True)
        sys.stdin.read()
        """,
        GADWATCH_INIT_SECONDS="0.05",
    )
    wait_logged(child)
    child.kill()
    child.wait()
    service.mode = "ok"
    service.released.set()
    run = begin(id="r")
    run.log({"a": 101}, step=101)
    assert run.flush()
    run.finish()
    assert service.steps() == list(range(1, 102))
    assert service.statuses() == ["finished"]
    assert list(spool.iterdir()) == []


def test_a_line_torn_by_a_crash_is_counted_and_skipped(
    start: Start, service: FakeService, spool: Path
) -> None:
    service.mode = 503
    child = start("run.log({'a': 1}, step=1); run.flush_to_disk(); os.kill(os.getpid(), 9)")
    ended(child)
    [folder] = spool.iterdir()
    with (folder / "steps.jsonl").open("ab") as journal:
        journal.write(b'{"step":2,"time":1.0,"metr')
    service.mode = "ok"
    assert [r.complete for r in gadwatch_hooks.sync(url=service.url)] == [True]
    assert service.steps() == [1]
    assert service.bodies("/steps")[-1]["losses"] == {"torn": 1}


def test_a_forked_child_logs_by_itself_and_leaves_the_run_open(
    start: Start, service: FakeService
) -> None:
    child = start("""
        run.log({"a": 1}, step=1)
        run.flush()
        if os.fork() == 0:
            run.log({"child": 1}, step=2)
            sys.exit(0)
        os.wait()
        run.log({"a": 1}, step=3)
    """)
    assert ended(child)[0] == 0
    assert sorted(service.steps()) == [1, 2, 3]
    assert service.statuses() == ["finished"]
    assert len({body["session"].partition("+")[0] for body in service.bodies("/steps")}) == 1


def test_a_multiprocessing_child_delivers_before_it_ends(
    start: Start, service: FakeService
) -> None:
    child = start("""
        import multiprocessing
        def work():
            run.log({"child": 1}, step=5)
        run.log({"a": 1}, step=1)
        worker = multiprocessing.get_context("fork").Process(target=work)
        worker.start()
        worker.join()
    """)
    assert ended(child)[0] == 0
    assert sorted(service.steps()) == [1, 5]


def test_the_workers_of_a_data_loader_may_log(start: Start, service: FakeService) -> None:
    child = start("""
        from torch.utils.data import DataLoader
        class Items:
            def __len__(self):
                return 4
            def __getitem__(self, index):
                run.log({"loader/item": index}, step=index + 1)
                return index
        run.log({"loss": 1.0}, step=9)
        run.flush()
        for batch in DataLoader(Items(), num_workers=2, multiprocessing_context="fork"):
            pass
    """)
    returned, errors = ended(child)
    assert returned == 0, errors
    assert sorted(service.steps()) == [1, 2, 3, 4, 9]
    assert service.statuses() == ["finished"]


def test_a_spawned_child_delivers_and_leaves_the_run_open(
    start: Start, service: FakeService, tmp_path: Path
) -> None:
    work = "def work(run):\n    run.log({'child': 1}, step=5)\n"
    tmp_path.joinpath("spawned.py").write_text(work)
    child = start(
        """
        import multiprocessing
        from spawned import work
        worker = multiprocessing.get_context("spawn").Process(target=work, args=(run,))
        worker.start()
        worker.join()
        run.log({"a": 1}, step=6)
        """,
        PYTHONPATH=str(tmp_path),
    )
    returned, errors = ended(child)
    assert returned == 0, errors
    assert (service.steps(), service.statuses()) == ([5, 6], ["finished"])


def test_a_child_that_is_terminated_does_not_end_its_parents_run(
    start: Start, service: FakeService
) -> None:
    child = start("""
        there, up = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(up, b".")
            time.sleep(30)
            os._exit(1)
        os.read(there, 1)  # a signal that comes before the interpreter is ready is lost
        os.kill(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        run.log({"a": 1}, step=1)
    """)
    assert ended(child)[0] == 0
    assert (service.steps(), service.statuses()) == ([1], ["finished"])


def test_a_pickled_run_is_the_same_run_in_another_process(
    begin: Begin, service: FakeService, data_dir: Path
) -> None:
    run = begin(id="r", name="seven", token="gw_given")
    code = """
        import pickle, sys
        run = pickle.load(sys.stdin.buffer)
        run.log({"actor": 1}, step=1)
        run.flush()
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        input=pickle.dumps(run),
        env={**os.environ, "GADWATCH_DATA_DIR": str(data_dir)},
        timeout=30,
        check=True,
    )
    assert service.steps() == [1]
    assert service.statuses() == []  # the process that began the run ends it
    run.finish()
    assert service.statuses() == ["finished"]


def test_a_token_from_the_environment_does_not_travel_in_a_pickle(
    begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GADWATCH_TOKEN", "gw_from_env")
    assert b"gw_from_env" not in pickle.dumps(begin(id="r"))


@pytest.mark.parametrize("name", ["RANK", "SLURM_PROCID"])
def test_only_the_first_rank_talks(
    begin: Begin, service: FakeService, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "1")
    with begin(id="r") as run:
        run.log({"a": 1}, step=1)
        run.set_stage("stage2")
        assert not run.ready()
        assert run.flush()
    assert service.requests == []


def test_the_hook_imports_nothing_heavy() -> None:
    code = (
        "import sys, gadwatch_hooks, gadwatch_hooks.readers\n"
        "heavy = {'numpy', 'torch', 'pandas', 'plotly', 'tensorboard', 'msgspec', 'pydantic'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"
