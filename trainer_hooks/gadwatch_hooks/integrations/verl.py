"""verl: a logger named ``gadwatch``, without touching verl's files.

Importing this module installs it; that is how verl's plugins work. verl imports it by itself
through the entry point group ``verl.plugins``, or through
``VERL_USE_EXTERNAL_MODULES=gadwatch_hooks.integrations.verl``. Then
``trainer.logger=[console,gadwatch]`` pushes every step.
"""

import functools
from collections.abc import Mapping
from typing import Any

from verl.utils.tracking import Tracking

from gadwatch_hooks.integrations.verl_backend import GadwatchBackend

NAME = "gadwatch"


def install(tracking: type[Any]) -> None:
    """Teaches verl's ``Tracking`` the logger's name; a second call changes nothing."""
    if NAME in tracking.supported_backend:
        return
    tracking.supported_backend.append(NAME)
    begin, end, drop = tracking.__init__, getattr(tracking, "finish", None), tracking.__del__

    @functools.wraps(begin)
    def __init__(  # noqa: N807
        self: Any,
        project_name: str,
        experiment_name: str,
        default_backend: Any = "console",
        config: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        names = [default_backend] if isinstance(default_backend, str) else list(default_backend)
        others = [name for name in names if name != NAME]
        begin(self, project_name, experiment_name, others, config, **kwargs)
        if NAME in names:
            self.logger[NAME] = GadwatchBackend(project_name, experiment_name, config)

    def finish(self: Any, exit_code: int = 0) -> None:
        backend = getattr(self, "logger", {}).pop(NAME, None)
        if end is not None:
            end(self, exit_code)
        if backend is not None:
            backend.finish(exit_code)

    def __del__(self: Any) -> None:  # noqa: N807
        # A tracker that failed to begin has no loggers.
        backend = getattr(self, "logger", {}).pop(NAME, None)
        drop(self)
        if backend is not None:
            backend.dropped()

    tracking.__init__ = __init__
    tracking.finish = finish
    tracking.__del__ = __del__


install(Tracking)
