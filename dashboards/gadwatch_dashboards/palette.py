"""Colours of the figures in both themes, chosen to be told apart with any colour vision.

The series colours keep the hue order of Okabe and Ito's set, darkened or lightened until each has
a contrast of 3:1 or better against its theme's surface (WCAG 2.2, 1.4.11).
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """What a figure is painted with."""

    surface: str
    text: str
    muted: str
    grid: str
    series: tuple[str, ...]
    healthy: str
    zone_line: str
    critical_line: str
    corridor: str
    note: str
    severity: dict[str, str]


PALETTES: dict[Theme, Palette] = {
    "light": Palette(
        surface="#ffffff",
        text="#1b1c20",
        muted="#5b5e66",
        grid="#ececef",
        series=(
            "#2563c9",
            "#c2500a",
            "#067a5b",
            "#9b3d8c",
            "#0f7f9c",
            "#8a6a00",
            "#5b4bd6",
            "#b3324c",
            "#4c7a1d",
            "#5a6472",
        ),
        healthy="rgba(6, 122, 91, 0.09)",
        zone_line="#b98500",
        critical_line="#c0392b",
        corridor="rgba(91, 75, 214, 0.13)",
        note="rgba(255, 255, 255, 0.75)",
        severity={
            "critical": "#b3261e",
            "warning": "#a86500",
            "notice": "#2563c9",
            "info": "#067a5b",
        },
    ),
    "dark": Palette(
        surface="#17181c",
        text="#ececf1",
        muted="#a3a6b0",
        grid="#2a2c33",
        series=(
            "#6ea8ff",
            "#ff9d5c",
            "#3fd0a4",
            "#e08fd6",
            "#5fd0ea",
            "#e2c044",
            "#a99bff",
            "#ff8799",
            "#a6d867",
            "#b4bcc9",
        ),
        healthy="rgba(63, 208, 164, 0.10)",
        zone_line="#e0b040",
        critical_line="#ff7a6e",
        corridor="rgba(169, 155, 255, 0.16)",
        note="rgba(23, 24, 28, 0.75)",
        severity={
            "critical": "#ff8a80",
            "warning": "#f2b84b",
            "notice": "#6ea8ff",
            "info": "#3fd0a4",
        },
    ),
}

DASHES = ("solid", "dash", "dot", "dashdot")


def run_styles(run_ids: list[str], theme: Theme) -> list[tuple[str, str]]:
    """``(colour, dash)`` of each run, as :func:`run_slots` gives them."""
    colours = PALETTES[theme].series
    return [(colours[slot], dash) for slot, dash in run_slots(run_ids)]


def run_slots(run_ids: list[str]) -> list[tuple[int, str]]:
    """``(place among the series colours, dash)`` of each run.

    The colour follows from the run's id alone, so a run looks the same on every page; runs of one
    picture that share a colour differ by their dash.
    """
    colours = len(PALETTES["light"].series)
    seen: dict[int, int] = {}
    slots = []
    for run_id in run_ids:
        slot = int.from_bytes(sha256(run_id.encode()).digest()[:4]) % colours
        turn = seen.get(slot, 0)
        seen[slot] = turn + 1
        slots.append((slot, DASHES[turn % len(DASHES)]))
    return slots
