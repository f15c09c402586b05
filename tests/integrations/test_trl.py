from pathlib import Path

import pytest
from tests.integrations.receiver import Receiver

trl = pytest.importorskip("trl", reason="trl is not installed")
datasets = pytest.importorskip("datasets", reason="datasets is not installed")
transformers = pytest.importorskip("transformers", reason="transformers is not installed")

from gadwatch_hooks.integrations.huggingface import GadwatchCallback  # noqa: E402

# Of the libraries among themselves.
pytestmark = pytest.mark.filterwarnings("ignore")

WORDS = ["<pad>", "<eos>", "<unk>", "one", "two", "three", "four"]


def tokenizer() -> "transformers.PreTrainedTokenizerFast":
    """Seven words, made here: nothing is downloaded."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    words = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = Whitespace()
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>"
    )


def model() -> "transformers.PreTrainedModel":
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=len(WORDS),
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=32,
            pad_token_id=0,
            eos_token_id=1,
            bos_token_id=1,
        )
    )


COMMON = {
    "output_dir": "out",
    "max_steps": 3,
    "logging_steps": 1,
    "report_to": [],
    "use_cpu": True,
    "bf16": False,
    "disable_tqdm": True,
    "save_strategy": "no",
    "logging_nan_inf_filter": False,
    "dataloader_pin_memory": False,
}


def test_supervised_training_arrives_by_global_step(receiver: Receiver, tmp_path: Path) -> None:
    trl.SFTTrainer(
        model(),
        args=trl.SFTConfig(**COMMON, run_name="sft", per_device_train_batch_size=2),
        train_dataset=datasets.Dataset.from_dict({"text": ["one two three four"] * 8}),
        processing_class=tokenizer(),
        callbacks=[GadwatchCallback(project="trl")],
    ).train()
    assert [(run["name"], run["project"]) for run in receiver.created] == [("sft", "trl")]
    assert sorted(receiver.steps) == [1, 2, 3]
    assert all({"loss", "grad_norm"} <= set(step) for step in receiver.steps.values())
    assert receiver.ends == ["finished"]


def test_the_rewards_of_group_relative_training_arrive(receiver: Receiver) -> None:
    trl.GRPOTrainer(
        model(),
        reward_funcs=lambda completions, **_: [float(len(text)) for text in completions],
        args=trl.GRPOConfig(
            **COMMON,
            run_name="grpo",
            per_device_train_batch_size=4,
            num_generations=4,
            max_completion_length=4,
        ),
        train_dataset=datasets.Dataset.from_dict({"prompt": ["one two", "three four"] * 4}),
        processing_class=tokenizer(),
        callbacks=[GadwatchCallback(project="trl")],
    ).train()
    assert sorted(receiver.steps) == [1, 2, 3]
    expected = {"reward", "reward_std", "completions/mean_length", "kl", "entropy"} - {"kl"}
    assert all(expected <= set(step) for step in receiver.steps.values())
    assert receiver.ends == ["finished"]
