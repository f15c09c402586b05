"""The pages' own words in English and Chinese; one TOML file a language, the same keys in each.

Sentences about findings, clauses and diagnoses come from the rules with the assessment.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True)
class Texts:
    """``texts("key", name=value)`` gives the sentence in the chosen language.

    Raises:
        KeyError: no such text; a test holds both catalogues to the same keys.

    """

    lang: str

    def __call__(self, key: str, **facts: object) -> str:
        """The text with its facts filled in."""
        text = catalogue(self.lang)[key]
        return text.format(**facts) if facts else text

    def maybe(self, key: str, otherwise: str) -> str:
        """The text if there is one: for names that packs and users may add to."""
        return catalogue(self.lang).get(key, otherwise)


@cache
def catalogue(lang: str) -> dict[str, str]:
    """All texts of a language, keys joined with dots."""
    source = files(__name__).joinpath(f"{lang}.toml").read_text(encoding="utf-8")
    return dict(_flat(tomllib.loads(source)))


def _flat(table: dict[str, object], prefix: str = "") -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for key, value in table.items():
        if isinstance(value, dict):
            pairs += _flat(value, f"{prefix}{key}.")
        else:
            pairs.append((prefix + key, str(value)))
    return pairs
