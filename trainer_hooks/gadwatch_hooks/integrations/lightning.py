"""Lightning: a logger; ``Trainer(logger=GadwatchLogger(project="gad"))``."""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from lightning.fabric.loggers.logger import rank_zero_experiment
from lightning.fabric.utilities.logger import _convert_params, _flatten_dict
from lightning.fabric.utilities.rank_zero import rank_zero_only
from lightning.pytorch.loggers.logger import Logger

import gadwatch_hooks
from gadwatch_hooks.exits import Status

STATUS: dict[str, Status] = {"success": "finished", "finished": "finished"}


class GadwatchLogger(Logger):
    """Pushes what Lightning logs to gadwatch; takes what :func:`gadwatch_hooks.init` takes.

    ``version`` is the run's id. The step is Lightning's; only rank zero talks. Metrics that come
    after the end of the run, as ``Trainer.test`` sends them, open it again.
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = settings
        self._run: gadwatch_hooks.Run | None = None
        self._last_step = -1
        self._first_new_step = 0

    @property
    @rank_zero_experiment
    def experiment(self) -> gadwatch_hooks.Run:
        """The run, begun when it is first needed; on other ranks something that does nothing."""
        if self._run is None:
            self._run = gadwatch_hooks.init(**self.settings)
            # A run that is opened again is the same one.
            self.settings = {**self.settings, "id": self._run.id, "resume": "allow"}
        return self._run

    @property
    def name(self) -> str | None:
        """The project."""
        return self.settings.get("project")

    @property
    def version(self) -> str | None:
        """The run's id, once it has begun."""
        return self.settings.get("id")

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Pushes the metrics of one step."""
        if step is not None:
            # A step of the ended part must not be told again: that would mean a rewind.
            step = self._last_step = max(step, self._first_new_step)
        self.experiment.log(dict(metrics), step=step)

    @rank_zero_only
    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *_args: Any, **_kwargs: Any
    ) -> None:
        """Adds the hyperparameters to the run's config."""
        self.experiment.config.update(_flatten_dict(_convert_params(params)))

    @rank_zero_only
    def save(self) -> None:
        """Nothing to do: what was logged is on its way already."""

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Ends the run as ``finished`` after "success", else as ``failed``."""
        if self._run is not None:
            run, self._run = self._run, None
            self._first_new_step = self._last_step + 1
            run.finish(status=STATUS.get(status, "failed"))
