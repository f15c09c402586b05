import math

import pytest
import torch

from gadwatch_trainer import Trainer
from gadwatch_trainer.critic import accuracy, identical, ranking_loss, without_end
from gadwatch_trainer.task import EOS, Answers

Warmup = tuple[Trainer, list[dict[str, float]]]


def test_the_ranking_loss_is_ln_2_at_chance_and_follows_the_temperature() -> None:
    same = torch.ones(4)
    assert float(ranking_loss(same, same, 2.0)) == pytest.approx(math.log(2))
    loss = float(ranking_loss(torch.tensor([3.0]), torch.tensor([1.0]), 2.0))
    assert loss == pytest.approx(-math.log(1 / (1 + math.exp(-1.0))))


def test_ties_count_as_wrong() -> None:
    teacher, student = torch.tensor([1.0, 1.0, 2.0]), torch.tensor([0.0, 1.0, 1.9])
    assert accuracy(teacher, student, torch.tensor([False, True, True])) == pytest.approx(1 / 3)


def test_identical_texts_are_told_whatever_their_padding() -> None:
    short = Answers(torch.tensor([[5, EOS], [5, EOS]]), torch.tensor([2, 2]))
    wide = Answers(torch.tensor([[5, EOS, 0], [5, 6, EOS]]), torch.tensor([2, 3]))
    assert identical(short, wide).tolist() == [True, False]


def test_without_end_cuts_end_signs_off_and_leaves_unended_answers() -> None:
    given = Answers(torch.tensor([[5, EOS, 0], [5, 6, 7]]), torch.tensor([2, 3]))
    cut = without_end(given)
    assert cut.lengths.tolist() == [1, 3]
    assert cut.tokens.tolist() == [[5, 0, 0], [5, 6, 7]]


def test_the_critic_learns_in_warm_up(warmup: Warmup) -> None:
    _, steps = warmup
    first, last = steps[:10], steps[-10:]

    def mean(rows: list[dict[str, float]], name: str) -> float:
        return sum(row[name] for row in rows) / len(rows)

    assert mean(last, "critic/ranking_loss") < mean(first, "critic/ranking_loss") - 0.1
    assert mean(last, "critic/d_acc") > 0.6
    assert mean(last, "critic/score_diff") > 0.5


def test_the_student_reward_turns_negative_in_warm_up(warmup: Warmup) -> None:
    _, steps = warmup
    assert sum(row["reward/discriminator_mean"] for row in steps[-10:]) < 0


def test_the_logged_scores_agree_with_one_another(warmup: Warmup) -> None:
    for row in warmup[1]:
        gap = row["critic/teacher_score_mean"] - row["critic/student_score_mean"]
        assert row["critic/score_diff"] == pytest.approx(gap)
        assert row["critic/rewards/mean"] == pytest.approx(row["reward/discriminator_mean"])
        assert row["reward/discriminator_mean"] == pytest.approx(row["critic/student_score_mean"])
        least = math.log1p(math.exp(-row["critic/score_diff"] / row["critic/temperature"]))
        assert row["critic/ranking_loss"] >= least - 1e-6
