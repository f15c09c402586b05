"""The small markdown that chat robots share."""

import re
from typing import Final

from gadwatch_service.alerts.text import Text

_SPECIAL: Final = re.compile(r"([\\`*\[\]#])")

_HARMLESS: Final = str.maketrans({"@": "＠", "<": "＜", ">": "＞"})


def disarm(text: str) -> str:
    """Text that calls nobody: robots read ``<@all>`` and ``@138…`` even where it is escaped."""
    return text.translate(_HARMLESS)


def escape(text: str) -> str:
    """Plain text that no robot reads as a link, a heading or a call to somebody."""
    return _SPECIAL.sub(r"\\\1", disarm(text))


def link_of(text: Text) -> str:
    """The link in markdown."""
    return f"[{escape(text.link_label)}]({text.link})"


def markdown(text: Text, *, newline: str = "\n", link: bool = True) -> str:
    """The whole message in markdown; ``newline`` is what the robot breaks a line at."""
    blocks = [f"### {escape(text.marked_title)}"]
    for section in text.sections:
        heading = [f"**{escape(section.heading)}**"] if section.heading else []
        blocks.append(newline.join([*heading, *(escape(line) for line in section.lines)]))
    if link:
        blocks.append(link_of(text))
    return "\n\n".join(blocks)
