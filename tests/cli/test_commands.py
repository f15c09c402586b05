import subprocess
import sys

from tests.cli.running import gadwatch

from gadwatch_cli.commands import COMMANDS


def test_without_a_command_the_help_names_each_and_nothing_is_complained_of() -> None:
    outcome = gadwatch()
    assert outcome.code == 2
    assert outcome.err == ""
    for name in COMMANDS:
        assert name in outcome.out, outcome.out


def test_a_start_of_the_service_waits_for_no_library_that_it_does_not_need() -> None:
    unneeded = {"alembic", "gadwatch_hooks", "pandas", "plotly", "pyarrow", "rich", "urllib3"}
    imports = "import gadwatch_cli.main, gadwatch_cli.serve, gadwatch_dashboards.install"
    script = f"{imports}, gadwatch_service.server, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert unneeded & set(done.stdout.split()) == set()
