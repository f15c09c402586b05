"""Templates and what every page knows: language, theme, reader, address."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import urlencode

import jinja2
from markdown_it import MarkdownIt
from markupsafe import Markup

from gadwatch_dashboards import assets, formats
from gadwatch_dashboards.texts import Texts


@dataclass(frozen=True)
class Ui:
    """The page's surroundings; ``query`` is the address' query as pairs."""

    lang: str = "en"
    theme: str = ""
    section: str = ""
    identity: str = ""
    csrf: str = ""
    notice: str = ""
    path: str = "/"
    query: tuple[tuple[str, str], ...] = field(default=())

    def with_query(self, **changes: object) -> str:
        """The page's address with parts of the query replaced; ``None`` or "" removes a part."""
        pairs = [(key, value) for key, value in self.query if key not in changes]
        pairs += [(key, str(value)) for key, value in changes.items() if value not in (None, "")]
        return f"{self.path}?{urlencode(pairs)}" if pairs else self.path


@cache
def environment() -> jinja2.Environment:
    """Jinja with escaping on and undefined names as errors."""
    env = jinja2.Environment(
        loader=jinja2.PackageLoader("gadwatch_dashboards"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.globals["asset"] = assets.address
    env.globals["version"] = _version
    env.filters["inline"] = inline
    env.filters["number"] = formats.number
    env.filters["plain"] = lambda value: f"{value:g}"
    env.filters["signs"] = formats.signs
    env.filters["stamp"] = formats.stamp
    env.filters["iso"] = lambda moment: moment.isoformat()
    return env


def render(template: str, ui: Ui, **context: Any) -> str:
    """A page or a part of one."""
    facts = {"ui": ui, "t": Texts(ui.lang), **context}
    return environment().get_template(template).render(facts)


def inline(text: str) -> Markup:
    """A line of Markdown as HTML; HTML in it is shown as text, and nothing becomes a link."""
    return Markup(_markdown().renderInline(text))  # noqa: S704 - the parser escapes HTML


@cache
def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).disable(["link", "image", "autolink"])


@cache
def _version() -> str:
    # The package beside it brings an HTTP client, for which no start need wait.
    from gadwatch_hooks.version import __version__

    return __version__
