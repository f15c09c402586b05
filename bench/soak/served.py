"""The service as the soak starts it: ``python -m bench.soak.served CLOCK``.

It is the service that people start, but for its clock, which the soak can set.
"""

import sys
from pathlib import Path

from bench.soak.clocks import Clock
from fastapi import FastAPI

from gadwatch_dashboards import install
from gadwatch_service.logs import configure_logging
from gadwatch_service.server import run_server
from gadwatch_service.settings import load_settings


def main(clock: Clock) -> None:
    def set_clock(app: FastAPI) -> None:
        app.state.now = clock.now

    configure_logging("info", "json")
    run_server(load_settings(), [install, set_clock])


if __name__ == "__main__":
    main(Clock(Path(sys.argv[1])))
