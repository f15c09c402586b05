from typing import NamedTuple


class GateSettings(NamedTuple):
    """Thresholds of the readiness gate, as the pack's ``[gate]`` table sets them.

    Counts are observed warm-up steps. The defaults are the domain's.
    """

    window: int = 50
    min_steps: float = 50
    fresh_steps: float = 20
    pairs_per_batch: float = 256
    """Pairs behind one d_acc where ``critic/pairs`` is not logged."""
    d_acc_low: float = 0.70
    d_acc_high: float = 0.95
    d_acc_margin: float = 0.01
    d_acc_floor: float = 0.60
    score_diff_low: float = 1.0
    score_diff_high: float = 5.0
    score_diff_floor: float = 0.5
    grad_norm_low: float = 0.3
    grad_norm_high: float = 5.0
    grad_norm_peak: float = 10.0
    reward_low: float = -10.0
    reward_high: float = 5.0
    relative_margin: float = 0.05
    agreement_absolute: float = 0.05
    agreement_relative: float = 0.05
    loss_swing_slow: float = 0.10
    loss_swing_fast: float = 0.30
    """Largest swings of a steady ranking loss, relative to its level: slow ones, fast ones."""
    settled_d_acc: float = 0.80
    settled_t: float = 1.86
    """A critic below this accuracy is waited for while it gets better by so many standard errors:
    the one-sided 95 % quantile of Student's t with the eight degrees of freedom of a trend."""
    breach_steps: float = 10
    """A ready verdict falls after this many steps with a target beyond its widened margin."""

    def problem(self) -> str:
        """What is wrong with these settings, or an empty text."""
        if not 10 <= self.window <= 1000:
            return "window must lie between 10 and 1000 steps"
        for low, high in (
            ("d_acc_low", "d_acc_high"),
            ("score_diff_low", "score_diff_high"),
            ("grad_norm_low", "grad_norm_high"),
            ("reward_low", "reward_high"),
        ):
            if getattr(self, low) >= getattr(self, high):
                return f"{low} must be below {high}"
        if self.pairs_per_batch < 1:
            return "pairs_per_batch must be at least 1"
        return ""
