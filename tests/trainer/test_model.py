import pytest
import torch

from gadwatch_trainer import DivergedError, Trainer
from gadwatch_trainer.actor import log_probabilities
from gadwatch_trainer.measure import seeded
from gadwatch_trainer.task import EOS, text


def test_sampling_token_by_token_sees_what_one_forward_pass_sees(warmed: Trainer) -> None:
    """Near temperature 0 each sampled token is the likeliest of a full pass over the text."""
    prompts = warmed.task.prompts(32, seeded(0, 0))
    answers = warmed.student.sample(prompts, 1, 8, 1e-3, seeded(0, 1))
    logits = warmed.student.logits(text(prompts, answers), prompts.shape[1])
    column = torch.arange(answers.tokens.shape[1])
    inside = column < answers.lengths[:, None]
    agree = (logits.argmax(2) == answers.tokens)[inside].double().mean()
    assert float(agree) > 0.98


def test_the_critic_reads_one_position_as_the_whole_body_would(warmed: Trainer) -> None:
    tokens = torch.randint(0, warmed.task.vocabulary, (7, 9), generator=seeded(0, 2))
    last = torch.tensor([2, 3, 4, 5, 6, 7, 8])
    whole, _ = warmed.critic.body(tokens)
    torch.testing.assert_close(warmed.critic.body.at(tokens, last), whole[torch.arange(7), last])


def test_what_follows_the_last_token_does_not_change_a_score(warmed: Trainer) -> None:
    tokens = torch.randint(0, warmed.task.vocabulary, (4, 8), generator=seeded(0, 3))
    last = torch.tensor([3, 4, 5, 5])
    other = tokens.clone()
    other[:, 6:] = 0
    torch.testing.assert_close(warmed.critic(tokens, last), warmed.critic(other, last))


def test_a_sampled_answer_ends_at_its_end_sign_or_at_the_limit(warmed: Trainer) -> None:
    prompts = warmed.task.prompts(64, seeded(0, 4))
    answers = warmed.student.sample(prompts, 4, 8, 1.5, seeded(0, 5))
    assert answers.tokens.shape[0] == 256
    for row, length in zip(answers.tokens.tolist(), answers.lengths.tolist(), strict=True):
        assert EOS not in row[: length - 1]
        assert row[length - 1] == EOS or length == 8
        assert not any(row[length:])


def test_log_probabilities_are_of_the_answer_alone(warmed: Trainer) -> None:
    prompts = warmed.task.prompts(16, seeded(0, 6))
    answers = warmed.task.answer(prompts, seeded(0, 7))
    logs, entropy = log_probabilities(warmed.student, prompts, answers)
    assert logs.shape == entropy.shape == answers.tokens.shape
    assert bool((logs <= 0).all())


def test_a_student_with_broken_weights_says_so_instead_of_sampling(warmed: Trainer) -> None:
    with torch.no_grad():
        warmed.student.body.norm.weight.fill_(float("nan"))
    with pytest.raises(DivergedError, match="not finite"):
        warmed.exact()
