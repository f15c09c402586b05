"""What a page's reader wishes: the language and the theme, from address, cookie, browser."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

LANGUAGES: Final = {"en": "English", "zh": "中文"}
THEMES: Final = ("light", "dark")
LANG_COOKIE: Final = "gadwatch_lang"
THEME_COOKIE: Final = "gadwatch_theme"
_YEAR: Final = 365 * 86400


def language_of(request: Request) -> str:
    """The language of the answer: ``en`` or ``zh``."""
    return choose(
        request.query_params.get("lang"),
        request.cookies.get(LANG_COOKIE),
        request.headers.get("accept-language"),
    )


def theme_of(request: Request) -> str:
    """``light``, ``dark``, or empty for the system's own."""
    wish = request.query_params.get("theme") or request.cookies.get(THEME_COOKIE, "")
    return wish if wish in THEMES else ""


def choose(query: str | None, cookie: str | None, accept: str | None) -> str:
    """The language: asked for in the address, else remembered, else the browser's first known."""
    for wish in (query, cookie):
        if wish in LANGUAGES:
            return wish
    for part in (accept or "").split(","):
        code = part.split(";")[0].strip().lower().split("-")[0]
        if code in LANGUAGES:
            return code
    return "en"


def remember(response: Response, cookie: str, wish: str) -> None:
    """Keep a wish for the pages to come."""
    response.set_cookie(cookie, wish, max_age=_YEAR, samesite="lax", httponly=True)
