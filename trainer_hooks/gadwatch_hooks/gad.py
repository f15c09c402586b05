import math
import sys
from typing import Any


def gad_metrics(
    teacher_scores: Any, student_scores: Any, temperature: float = 1.0
) -> dict[str, Any]:
    """The critic's metrics from one batch of raw scores.

    ``teacher_scores[i]`` and ``student_scores[i]`` are the critic's scores of the two answers
    to one prompt: tensors, arrays or lists of the same shape. ``temperature`` is the one the
    loss divides by. Of torch tensors the result is 0-d tensors on the same device, computed
    without waiting for it; ``run.log`` takes them as they are.

    ``critic/d_acc`` is the share of pairs with the teacher above the student (a tie counts as
    wrong), ``critic/ranking_loss`` the mean of ``-log sigmoid((teacher - student) /
    temperature)`` in nats, ``critic/pairs`` the number of pairs behind them.

    Raises ``ValueError`` for shapes that differ, an empty batch or a temperature that is not
    positive.
    """
    if not temperature > 0:
        raise ValueError(f"temperature is {temperature!r}; it must be positive")
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(teacher_scores, torch.Tensor):
        return _of_tensors(torch, teacher_scores, student_scores, temperature)
    return _of_lists(_flat(teacher_scores), _flat(student_scores), temperature)


def _of_tensors(torch: Any, teacher: Any, student: Any, temperature: float) -> dict[str, Any]:
    if teacher.shape != student.shape:
        raise ValueError(
            f"teacher_scores has shape {tuple(teacher.shape)} and student_scores "
            f"{tuple(student.shape)}; they must be pairs"
        )
    if not teacher.numel():
        raise ValueError("there are no pairs to score")
    with torch.no_grad():
        precise = torch.promote_types(teacher.dtype, torch.float32)
        teacher, student = teacher.detach().to(precise), student.detach().to(precise)
        difference = teacher - student
        return {
            "critic/d_acc": (difference > 0).to(precise).mean(),
            "critic/score_diff": difference.mean(),
            "critic/teacher_score_mean": teacher.mean(),
            "critic/student_score_mean": student.mean(),
            "critic/ranking_loss": torch.nn.functional.softplus(-difference / temperature).mean(),
            "critic/tie_ratio": (difference == 0).to(precise).mean(),
            "critic/temperature": temperature,
            "critic/pairs": teacher.numel(),
        }


def _of_lists(teacher: list[float], student: list[float], temperature: float) -> dict[str, Any]:
    if len(teacher) != len(student):
        raise ValueError(
            f"teacher_scores has {len(teacher)} scores and student_scores {len(student)}; "
            "they must be pairs"
        )
    if not teacher:
        raise ValueError("there are no pairs to score")
    count = len(teacher)
    differences = [t - s for t, s in zip(teacher, student, strict=True)]
    return {
        "critic/d_acc": sum(d > 0 for d in differences) / count,
        "critic/score_diff": sum(differences) / count,
        "critic/teacher_score_mean": sum(teacher) / count,
        "critic/student_score_mean": sum(student) / count,
        "critic/ranking_loss": sum(_softplus(-d / temperature) for d in differences) / count,
        "critic/tie_ratio": sum(d == 0 for d in differences) / count,
        "critic/temperature": temperature,
        "critic/pairs": count,
    }


def _softplus(x: float) -> float:
    """``log(1 + exp(x))`` without overflow."""
    return max(x, 0.0) + math.log1p(math.exp(-abs(x)))


def _flat(scores: Any) -> list[float]:
    if hasattr(scores, "tolist"):
        scores = scores.tolist()
    if not isinstance(scores, (list, tuple)):
        return [float(scores)]
    return [number for part in scores for number in _flat(part)]
