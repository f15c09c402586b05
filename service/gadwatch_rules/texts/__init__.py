"""Texts for people, in English and Chinese. One TOML file a language, the same keys in each."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from math import isfinite
from typing import Any

LANGUAGES = ("en", "zh")


@cache
def catalogue(lang: str) -> dict[str, Any]:
    """Every text of a language; an unknown language raises ValueError."""
    if lang not in LANGUAGES:
        raise ValueError(f"lang is {lang!r}, expected one of {', '.join(LANGUAGES)}")
    text = (resources.files(__name__) / f"{lang}.toml").read_text("utf-8")
    return tomllib.loads(text)


def text(group: str, key: str, lang: str = "en") -> Any:
    """One text (or table of texts), the key itself where there is none."""
    return catalogue(lang).get(group, {}).get(key, key)


def render(group: str, key: str, lang: str, facts: Mapping[str, Any]) -> str:
    """A text with its facts filled in; numbers are shortened to four digits."""
    template = text(group, key, lang)
    return fill(template, facts) if isinstance(template, str) else key


def fill(template: str, facts: Mapping[str, Any]) -> str:
    """A template with its facts filled in; a fact that is not there shows as ``?``."""
    return template.format_map(_Facts(facts))


def number(value: Any) -> str:
    """A number as people read it: four digits, no trailing zeros."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if not isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(float(value))]
    return f"{value:.4g}" if abs(value) < 1e4 else f"{value:,.0f}"


class _Facts(dict[str, Any]):
    def __init__(self, facts: Mapping[str, Any]) -> None:
        super().__init__({key: number(value) for key, value in facts.items()})

    def __missing__(self, key: str) -> str:
        return "?"
