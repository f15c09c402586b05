import torch

from gadwatch_trainer.task import EOS, FLOURISH, PAD, SEP, Answers, Task, text

TASK = Task(alphabet=6, length=4, flourishes=2, slip=0.0)


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(5)


def answers(*rows: list[int]) -> Answers:
    width = max(map(len, rows))
    tokens = torch.tensor([row + [PAD] * (width - len(row)) for row in rows])
    return Answers(tokens, torch.tensor([len(row) for row in rows]))


def test_a_teacher_that_never_slips_is_always_exact() -> None:
    prompts = TASK.prompts(200, seeded())
    assert bool(TASK.exact(prompts, TASK.answer(prompts, seeded())).all())


def test_a_teacher_that_slips_is_wrong_about_as_often_as_configured() -> None:
    task = Task(alphabet=50, length=4, flourishes=2, slip=0.25)
    prompts = task.prompts(2000, seeded())
    right = task.exact(prompts, task.answer(prompts, seeded())).double().mean()
    assert 0.70 < float(right) < 0.80


def test_every_teacher_answer_ends_with_one_end_sign_at_its_length() -> None:
    given = TASK.answer(TASK.prompts(100, seeded()), seeded())
    ends = given.tokens == EOS
    assert bool((ends.sum(1) == 1).all())
    assert torch.equal(ends.int().argmax(1) + 1, given.lengths)


def test_teacher_answers_differ_in_length_unless_the_longest_template_is_asked_for() -> None:
    prompts = TASK.prompts(100, seeded())
    assert set(TASK.answer(prompts, seeded()).lengths.tolist()) == {5, 6, 7}
    assert set(TASK.answer(prompts, seeded(), longest=True).lengths.tolist()) == {7}


def test_exact_takes_the_reverse_with_flourishes_and_an_end_and_nothing_else() -> None:
    prompt = torch.tensor([[4, 5, 6, 7, SEP]])
    body = [7, 6, 5, 4]
    right = [[*body, EOS], [*body, FLOURISH, EOS], [*body, FLOURISH, FLOURISH, EOS]]
    wrong = [
        body,
        [*body[:-1], EOS],
        [7, 6, 4, 5, EOS],
        [*body, PAD, EOS],
        [*body, FLOURISH, FLOURISH, FLOURISH, EOS],
        [*body, 4, EOS],
        [EOS],
    ]
    for rows, verdict in ((right, True), (wrong, False)):
        for row in rows:
            assert bool(TASK.exact(prompt, answers(row))) is verdict, row


def test_prompt_and_answer_stand_in_one_row() -> None:
    prompt = torch.tensor([[4, 5, SEP]])
    assert text(prompt, answers([5, 4, EOS])).tolist() == [[4, 5, SEP, 5, 4, EOS]]


def test_repeated_answers_lie_in_groups() -> None:
    given = answers([5, EOS], [6, 4, EOS]).repeat(2)
    assert given.lengths.tolist() == [2, 2, 3, 3]
    assert given.tokens[:, 0].tolist() == [5, 5, 6, 6]
