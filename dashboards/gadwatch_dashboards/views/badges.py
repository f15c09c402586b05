"""States as word, icon and tone together, so that none rests on colour alone."""

from dataclasses import dataclass

from gadwatch_dashboards.texts import Texts


@dataclass(frozen=True)
class Badge:
    """``tone`` picks the colour, ``icon`` the sign of the sprite, ``word`` says it."""

    word: str
    icon: str
    tone: str


LOOKS: dict[str, dict[str, tuple[str, str]]] = {
    "health": {
        "ok": ("check", "ok"),
        "warning": ("triangle", "warning"),
        "critical": ("octagon", "critical"),
        "unknown": ("dashed", "none"),
    },
    "verdict": {
        "ready": ("flag", "ok"),
        "not_ready": ("clock", "warning"),
        "insufficient_data": ("dashed", "none"),
        "no_gate": ("dashed", "none"),
    },
    "status": {
        "running": ("play", "info"),
        "finished": ("check", "none"),
        "failed": ("octagon", "critical"),
        "killed": ("octagon", "critical"),
        "stalled": ("triangle", "warning"),
    },
    "clause": {
        "pass": ("check", "ok"),
        "fail": ("cross", "critical"),
        "unknown": ("dashed", "none"),
    },
    "severity": {
        "critical": ("octagon", "critical"),
        "warning": ("triangle", "warning"),
        "notice": ("diamond", "info"),
        "info": ("info", "ok"),
    },
    "finding": {
        "firing": ("bell", "warning"),
        "pending": ("clock", "none"),
        "resolved": ("check", "ok"),
    },
    "delivery": {
        "delivered": ("check", "ok"),
        "pending": ("clock", "info"),
        "dead": ("octagon", "critical"),
    },
}


def badge(kind: str, value: str, texts: Texts) -> Badge:
    """The badge of a state; an unknown state is shown by its own name, never hidden."""
    icon, tone = LOOKS[kind].get(value, ("dashed", "none"))
    return Badge(texts.maybe(f"{kind}.{value}", value.replace("_", " ")), icon, tone)


def verdict_badge(stage: str, verdict: str, texts: Texts) -> Badge:
    """The verdict; a run without a critic is judged by rules that have no gate."""
    return badge("verdict", "no_gate" if stage == "generic" else verdict, texts)
