"""What every page takes from its request, and how it is answered."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse

from gadwatch_dashboards.pages.packed import Packed
from gadwatch_dashboards.templating import Ui, render
from gadwatch_dashboards.texts import Texts
from gadwatch_service.access.browser import csrf_token
from gadwatch_service.access.guard import current_identity
from gadwatch_service.access.identity import Identity
from gadwatch_service.reader import (
    LANG_COOKIE,
    LANGUAGES,
    THEME_COOKIE,
    THEMES,
    language_of,
    remember,
    theme_of,
)


class Page:
    """A request for a page, in the reader's language and theme."""

    def __init__(self, request: Request, section: str) -> None:
        self.request = request
        self.identity: Identity = current_identity(request)
        query = request.query_params
        self.lang = language_of(request)
        self.texts = Texts(self.lang)
        self.now = request.app.state.now()
        self.ui = Ui(
            lang=self.lang,
            theme=theme_of(request),
            section=section,
            identity=self.identity.name,
            csrf=csrf_token(request),
            notice=query.get("notice", "")[:300],
            path=request.url.path,
            query=tuple(pair for pair in query.multi_items() if pair[0] not in {"theme", "notice"}),
        )

    @property
    def refreshing(self) -> bool:
        """Whether an open page asks for what has changed, to replace a part of itself."""
        return "x-refresh" in self.request.headers

    async def refreshed(self, make: Callable[[], Awaitable[str]]) -> HTMLResponse:
        """What ``make`` renders, once for all who ask within a second and may see the same.

        It carries neither name nor form token: the open page has them.
        """
        self.ui = replace(self.ui, identity="", csrf="")
        who = (self.identity.scopes, self.identity.projects)
        key = (self.ui.path, self.ui.query, self.lang, self.ui.theme, who)

        async def made() -> Packed:
            return Packed.of(await make())

        found: Packed = await self.request.app.state.shared.get(key, made)
        body, headers = found.taken(self.request)
        return HTMLResponse(body, headers=headers)

    def text(self, template: str, **context: Any) -> str:
        """A template or a part of one, rendered for this reader."""
        return render(template, self.ui, **context)

    def answer(self, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """The page; a language or theme asked for in the address is remembered.

        Answers to forms may show a secret, once: they are never compressed.
        """
        text = self.text(template, **context)
        if self.request.method == "GET":
            body, headers = Packed.of(text).taken(self.request)
            response = HTMLResponse(body, status, headers)
        else:
            response = HTMLResponse(text, status)
        for cookie, name, known in (
            (LANG_COOKIE, "lang", tuple(LANGUAGES)),
            (THEME_COOKIE, "theme", THEMES),
        ):
            wish = self.request.query_params.get(name)
            if wish in known:
                remember(response, cookie, wish)
            elif wish is not None:
                response.delete_cookie(cookie)
        return response


def back_to_run(request: Request, run_id: str, anchor: str = "") -> RedirectResponse:
    """After a form of a run's page: that page as the reader had set it."""
    path = f"/runs/{run_id}"
    came = urlsplit(request.headers.get("referer", ""))
    query = f"?{came.query}" if came.path == path and came.query else ""
    return RedirectResponse(f"{path}{query}{anchor}", 303)


def back_to(path: str, notice: str = "") -> RedirectResponse:
    """After a form: the page it belongs to, with a word about what was done."""
    return RedirectResponse(f"{path}?{urlencode({'notice': notice})}" if notice else path, 303)
