"""What a project's runs share, in words: what is kept, which thresholds were changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gadwatch_dashboards import formats
from gadwatch_dashboards.texts import Texts
from gadwatch_service.store.tables import Project

FIELDS = ("max_age_days", "thin_after_days", "keep_every")
"""The numbers of a retention, in the order of its form."""


@dataclass(frozen=True)
class ProjectRow:
    """A project; ``fields`` are its retention's numbers as typed, empty where not set."""

    name: str
    keeps: str
    fields: tuple[tuple[str, str], ...]
    overrides: tuple[tuple[str, str], ...]


def project_row(project: Project, texts: Texts) -> ProjectRow:
    """A project in the reader's words."""
    return ProjectRow(
        name=project.name,
        keeps=keeps(project.retention, texts),
        fields=tuple((name, str(project.retention.get(name, ""))) for name in FIELDS),
        overrides=tuple(
            (f"{rule}.{name}", formats.number(value))
            for rule, laid in sorted(project.overrides.items())
            for name, value in sorted(laid.items())
        ),
    )


def keeps(retention: Mapping[str, Any], texts: Texts) -> str:
    """What stays and for how long, in a sentence or two."""
    said = []
    if "max_age_days" in retention:
        said.append(texts("settings.keep_days", days=retention["max_age_days"]))
    if "keep_every" in retention:
        days, every = retention["thin_after_days"], retention["keep_every"]
        said.append(texts("settings.keep_blocks", days=days, every=every))
    return " ".join(said) or texts("settings.keep_all")
