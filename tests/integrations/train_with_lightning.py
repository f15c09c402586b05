"""A real Lightning ``Trainer`` on a model of two weights."""

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import Logger
from torch.utils.data import DataLoader, TensorDataset

from gadwatch_hooks.integrations.lightning import GadwatchLogger

torch.set_num_threads(1)


class Line(LightningModule):
    def __init__(self, **settings: float) -> None:  # noqa: ARG002 - Lightning finds them itself
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: list[torch.Tensor], index: int) -> torch.Tensor:
        loss = ((self.layer(batch[0]) - batch[0]) ** 2).mean()
        self.log("critic/ranking_loss", loss)
        if index == 3 and self.hparams.fault:
            raise RuntimeError("the loss exploded")
        return loss

    def test_step(self, batch: list[torch.Tensor], index: int) -> None:  # noqa: ARG002 - its signature
        self.log("test/loss", ((self.layer(batch[0]) - batch[0]) ** 2).mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.hparams.lr)


def line_data() -> DataLoader:
    return DataLoader(TensorDataset(torch.arange(5.0).reshape(5, 1)), num_workers=0)


def fit(how: str, logger: Logger | None = None) -> None:
    data = line_data()
    trainer = Trainer(
        max_epochs=1,
        logger=logger or GadwatchLogger(project="lightning", name="line"),
        log_every_n_steps=1,
        accelerator="cpu",
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    model = Line(fault=how == "crash", lr=0.01)
    trainer.fit(model, data)
    if how == "test":
        trainer.test(model, data, verbose=False)
