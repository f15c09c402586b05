"""The metrics that gadwatch knows: names, units and aliases.

Canonical names follow verl: lower case, parts separated by ``/``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Metric:
    """One known metric.

    ``percent`` marks fractions that some trainers log as percent: any value above 1 (and up to
    100) in a run means that this run logs percent.
    """

    name: str
    unit: str
    meaning: str
    aliases: tuple[str, ...] = ()
    percent: bool = False


D_ACC = "critic/d_acc"
VAL_D_ACC = "val/d_acc"
SCORE_DIFF = "critic/score_diff"
TEACHER = "critic/teacher_score_mean"
STUDENT = "critic/student_score_mean"
RANKING_LOSS = "critic/ranking_loss"
D_LOSS = "critic/d_loss"
CRITIC_GRAD = "critic/grad_norm"
REWARD = "critic/rewards/mean"
DISCRIMINATOR = "reward/discriminator_mean"
FORMAT = "reward/format_contribution_mean"
TIE_RATIO = "critic/tie_ratio"
TEMPERATURE = "critic/temperature"
PAIRS = "critic/pairs"
SCORE_GAP = "derived/score_gap"
D_ACC_UNTIED = "derived/d_acc_untied"
LENGTH = "response_length/mean"
CLIP_RATIO = "response_length/clip_ratio"
LENGTH_CORRELATION = "length_reward/correlation"
ENTROPY = "actor/entropy"
PG_LOSS = "actor/pg_loss"
ACTOR_GRAD = "actor/grad_norm"
ADVANTAGE_MAX = "critic/advantages/max"

METRICS: tuple[Metric, ...] = (
    Metric(
        D_ACC,
        "fraction",
        "share of pairs in which the teacher scores above the student; ties count as wrong",
        ("d_acc",),
        percent=True,
    ),
    Metric(
        VAL_D_ACC,
        "fraction",
        "d_acc on a fixed or fresh probe set",
        ("critic/d_acc_fresh", "val/critic/d_acc"),
        percent=True,
    ),
    Metric(SCORE_DIFF, "score", "mean teacher score minus mean student score", ("score_diff",)),
    Metric(
        TEACHER,
        "score",
        "mean critic score of teacher responses",
        ("critic/teacher_value_mean", "teacher_score_mean", "teacher_value_mean"),
    ),
    Metric(
        STUDENT,
        "score",
        "mean critic score of student responses",
        ("critic/student_value_mean", "student_score_mean", "student_value_mean"),
    ),
    Metric(RANKING_LOSS, "nats", "Bradley-Terry loss; ln 2 at chance", ("ranking_loss",)),
    Metric(D_LOSS, "nats", "the critic's whole loss, regularisers included", ("d_loss",)),
    Metric(CRITIC_GRAD, "norm", "global gradient norm before clipping", ("grad_norm",)),
    Metric(
        DISCRIMINATOR, "score", "mean critic score of student responses", ("discriminator_mean",)
    ),
    Metric(REWARD, "score", "what the actor is trained on", ("rewards/mean",)),
    Metric("critic/score/mean", "score", "the reward before KL"),
    Metric(FORMAT, "score", "share of the reward that the format earns"),
    Metric("format/reward_avg", "score", "mean format reward"),
    Metric("reward/format_ratio", "fraction", "share of well-formed responses"),
    Metric(PG_LOSS, "loss", "the actor's policy-gradient loss", ("pg_loss",)),
    Metric(ACTOR_GRAD, "norm", "the actor's gradient norm"),
    Metric(ENTROPY, "nats", "the actor's token entropy", ("actor/entropy_loss",)),
    Metric("actor/ppo_kl", "nats", "divergence from the old policy", ("actor/approx_kl",)),
    Metric("actor/pg_clipfrac", "fraction", "share of clipped policy ratios"),
    Metric(ADVANTAGE_MAX, "score", "largest advantage of the batch"),
    Metric(LENGTH, "tokens", "mean response length", ("response_length_non_aborted/mean",)),
    Metric(
        CLIP_RATIO,
        "fraction",
        "share of responses cut at the limit",
        ("response_length_non_aborted/clip_ratio",),
    ),
    Metric(LENGTH_CORRELATION, "r", "correlation of response length and reward"),
    Metric(TIE_RATIO, "fraction", "share of pairs with equal scores"),
    Metric(PAIRS, "pairs", "pairs in the batch"),
    Metric("critic/hard_samples_ratio", "fraction", "share of pairs that are hard to tell apart"),
    Metric(TEMPERATURE, "score", "temperature of the ranking loss"),
    Metric("critic/score_reg", "loss", "score regularisation"),
    Metric("critic/diff_penalty", "loss", "penalty on the score difference"),
    Metric(SCORE_GAP, "score", "teacher minus student, derived from their means"),
    Metric(D_ACC_UNTIED, "fraction", "d_acc among pairs that are no ties, derived"),
)

BY_NAME: Mapping[str, Metric] = {metric.name: metric for metric in METRICS}
_BY_ALIAS = {alias: metric.name for metric in METRICS for alias in metric.aliases}
_PREFIX = "train/"


@lru_cache(maxsize=4096)
def canonical_name(name: str) -> str:
    """The canonical name of a metric; an unknown name comes back stripped, else unchanged.

    Case and a leading ``train/`` do not matter for known metrics.
    """
    plain = name.strip()
    lowered = plain.lower()
    for candidate in (lowered, lowered.removeprefix(_PREFIX)):
        if candidate in BY_NAME:
            return candidate
        if candidate in _BY_ALIAS:
            return _BY_ALIAS[candidate]
    return plain


def is_alias(name: str) -> bool:
    """Whether ``name`` reaches its metric by another name than the canonical one."""
    return canonical_name(name) != name


def watched_metrics() -> tuple[str, ...]:
    """The canonical names that are judged when they come; others are only stored."""
    return tuple(BY_NAME)


def means_percent(name: str, value: float) -> bool:
    """Whether this value of a canonical metric shows that the run logs it as percent."""
    metric = BY_NAME.get(name)
    # A hair above 1 is rounding, not percent.
    return metric is not None and metric.percent and 1.000001 < value <= 100


def unit_of(name: str) -> str:
    """The unit of a metric, empty when it is not known."""
    metric = BY_NAME.get(name)
    return metric.unit if metric else ""
