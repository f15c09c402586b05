"""A lightweight GAD trainer: small, real, on a CPU in minutes; and the faults to try it with."""

from gadwatch_trainer.config import ConfigError, TrainerConfig
from gadwatch_trainer.faults import FAULTS, Fault, Injection, UnknownFaultError
from gadwatch_trainer.launch import run
from gadwatch_trainer.loop import Result, train
from gadwatch_trainer.model import DivergedError
from gadwatch_trainer.trainer import Trainer

__all__ = [
    "FAULTS",
    "ConfigError",
    "DivergedError",
    "Fault",
    "Injection",
    "Result",
    "Trainer",
    "TrainerConfig",
    "UnknownFaultError",
    "run",
    "train",
]
