# ruff: noqa: ARG002 - the trainer calls every event with all it has
"""Hugging Face ``Trainer`` and TRL: a callback that pushes what the trainer logs."""

import atexit
import json
import logging
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

import gadwatch_hooks
from gadwatch_hooks import exits

log = logging.getLogger("gadwatch")

NAN_FILTER_WARNING = (
    "logging_nan_inf_filter is on: the trainer replaces a NaN or infinite loss by an average "
    "before any callback sees it, so that gadwatch cannot tell you of it. Turn it off with "
    "TrainingArguments(logging_nan_inf_filter=False)."
)


class GadwatchCallback(TrainerCallback):
    """Pushes every log of a ``Trainer`` to gadwatch; ``Trainer(callbacks=[GadwatchCallback()])``.

    Takes what :func:`gadwatch_hooks.init` takes; the run's name defaults to the arguments'
    ``run_name``. The step is the trainer's ``global_step``; only world process zero talks. A run
    whose training never reached its end becomes ``failed``, even if the process then exits well.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.run: gadwatch_hooks.Run | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Starts the run; one that an earlier ``train()`` left open is closed as failed."""
        if not state.is_world_process_zero:
            return
        if args.logging_nan_inf_filter:
            log.warning(NAN_FILTER_WARNING)
        self._abandon()
        settings = {"name": args.run_name, "config": _config(args, kwargs.get("model"))}
        self.run = gadwatch_hooks.init(**{**settings, **self.settings})
        # After the hook's own exit handler, hence before it when the process ends.
        atexit.register(self._abandon_at_exit)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Pushes the numbers of one log line."""
        if self.run is not None and logs:
            numbers = {name: value for name, value in logs.items() if not isinstance(value, str)}
            self.run.log(numbers, step=state.global_step)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Ends the run; reached only when training came to its end."""
        self._end("finished")

    def _abandon(self) -> None:
        self._end("failed")

    def _abandon_at_exit(self) -> None:
        # A process that seems to end well has not: the training never reached its end.
        self._end("failed" if exits.noted() == "finished" else exits.noted())

    def _end(self, status: exits.Status) -> None:
        if self.run is not None:
            run, self.run = self.run, None
            run.finish(status=status)
            atexit.unregister(self._abandon_at_exit)


def _config(args: TrainingArguments, model: Any) -> dict[str, Any]:
    """The arguments and the model's own config as plain JSON values."""
    config: dict[str, Any] = args.to_sanitized_dict()
    model_config: Any = getattr(model, "config", None)
    if hasattr(model_config, "to_json_string"):
        config["model"] = json.loads(model_config.to_json_string())
    return config
