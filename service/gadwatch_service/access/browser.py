"""What protects a session cookie from being used by other sites' pages."""

from typing import Final
from urllib.parse import urlsplit

from starlette.requests import Request

from gadwatch_service.access.credentials import SESSION_COOKIE
from gadwatch_service.access.errors import Forbidden
from gadwatch_service.access.secrets import csrf_token_of, is_csrf_token_of

CSRF_FIELD: Final = "csrf_token"
CSRF_HEADER: Final = "x-csrf-token"

_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_FORM: Final = "application/x-www-form-urlencoded"


def csrf_token(request: Request) -> str:
    """A form token, or an empty text without a session.

    Every form carries it in the field ``csrf_token``; scripts send it as ``X-CSRF-Token``.
    """
    cookie = request.cookies.get(SESSION_COOKIE, "")
    return csrf_token_of(cookie) if cookie else ""


async def check_same_site(request: Request, cookie: str) -> None:
    """Refuse a changing request that uses a session's cookie but comes from another site.

    Two independent proofs are asked for: what the browser says of the request's origin, and the
    form token, which only our own pages know.
    """
    if request.method in _SAFE_METHODS:
        return
    check_origin(request)
    sent = request.headers.get(CSRF_HEADER)
    # Forms are sent to pages; a body for the API may be large and is not to be taken for one.
    is_form = request.headers.get("content-type", "").startswith(_FORM)
    if sent is None and is_form and not request.url.path.startswith("/api/"):
        value = (await request.form()).get(CSRF_FIELD)
        sent = value if isinstance(value, str) else None
    if sent is None or not is_csrf_token_of(cookie, sent):
        raise Forbidden("The form is out of date: reload the page and send it again.")


def check_origin(request: Request) -> None:
    """Refuse a request that the browser says comes from another site, or about which it is silent.

    Raises :class:`Forbidden`.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None and site not in {"same-origin", "none"}:
        raise Forbidden("This request comes from another site.")
    if origin is not None and urlsplit(origin).netloc not in _own_names(request):
        raise Forbidden("This request comes from another site.")
    if site is None and origin is None:
        raise Forbidden("A browser's request must name its origin.")


def _own_names(request: Request) -> set[str]:
    """Host and port as the request names them, and as people do behind a proxy."""
    public_url = request.app.state.settings.public_url
    names = {request.headers.get("host", "")}
    if public_url:
        names.add(urlsplit(public_url).netloc)
    return names
