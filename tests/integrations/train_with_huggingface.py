"""A real ``Trainer`` on a model of two weights; the word says how it is to end."""

import sys

import torch
from transformers import Trainer, TrainerCallback, TrainerState, TrainingArguments

from gadwatch_hooks.integrations.huggingface import GadwatchCallback

torch.set_num_threads(1)


class Line(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(2))

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        predicted = self.weight[0] * x + self.weight[1]
        return {"loss": ((predicted - labels) ** 2).mean(), "logits": predicted}


class Fault(TrainerCallback):
    """Raises once, at the third step."""

    def __init__(self, error: BaseException) -> None:
        self.error: BaseException | None = error

    def on_step_end(self, _args: object, state: TrainerState, *_: object, **__: object) -> None:
        if state.global_step == 3 and self.error is not None:
            error, self.error = self.error, None
            raise error


def line_data(end: str) -> list[dict[str, torch.Tensor]]:
    bad = float("nan") if end == "nan" else 1.0
    return [{"x": torch.tensor(float(i)), "labels": torch.tensor(bad * i)} for i in range(5)]


def arguments(end: str) -> TrainingArguments:
    return TrainingArguments(
        "out",
        run_name="line",
        max_steps=5,
        per_device_train_batch_size=1,
        learning_rate=0.01,
        logging_steps=1,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        save_strategy="no",
        logging_nan_inf_filter=end == "filtered",
    )


def trainer_for(end: str) -> Trainer:
    callback = GadwatchCallback(project="hf", tags=["tiny"])
    trainer = Trainer(Line(), arguments(end), train_dataset=line_data(end), callbacks=[callback])
    if end in ("crash", "caught"):
        trainer.add_callback(Fault(RuntimeError("the loss exploded")))
    if end == "interrupt":
        trainer.add_callback(Fault(KeyboardInterrupt()))
    return trainer


if __name__ == "__main__":
    how = sys.argv[1]
    try:
        trainer_for(how).train()
    except RuntimeError:
        if how != "caught":
            raise
