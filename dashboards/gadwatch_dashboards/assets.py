"""Static files under ``/static``: compressed once, named by their hash, kept for good.

Scripts import each other by the same names: under two addresses a module would run twice.
"""

import gzip
import mimetypes
import re
from functools import cache
from hashlib import sha256
from pathlib import Path

from markupsafe import Markup
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FOLDER = Path(__file__).parent / "static"
FOREVER = "public, max-age=31536000, immutable"
TEXTS = ("text/", "application/javascript", "image/svg+xml")
IMPORTED = re.compile(rb'(?<=from ")\./([\w.-]+)(?=")')


@cache
def address(name: str) -> str:
    """``app.css`` as ``/static/app.css?v=…``: a changed file has another address."""
    return f"/static/{name}?v={sha256(_content(FOLDER / name)).hexdigest()[:12]}"


def embedded(name: str) -> Markup:
    """A file's text to stand inside an element of a page: only for files of our own."""
    return Markup((FOLDER / name).read_text("utf-8"))  # noqa: S704 - no foreign text


def _content(file: Path) -> bytes:
    """The file; what a script imports has its hash in its address too."""
    content = file.read_bytes()
    if file.suffix != ".js":
        return content
    return IMPORTED.sub(lambda found: address(found[1].decode()).encode(), content)


@cache
def _load(name: str) -> tuple[bytes, bytes | None, str] | None:
    """Content, the same gzipped where it pays, and media type; ``None`` for no such file."""
    file = (FOLDER / name).resolve()
    if not file.is_relative_to(FOLDER) or not file.is_file():
        return None
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    content = _content(file)
    pays = media_type.startswith(TEXTS) and len(content) > 1000
    return content, gzip.compress(content, 9, mtime=0) if pays else None, media_type


async def serve(request: Request) -> Response:
    """One file; addresses with a version may be kept for good, bare ones are asked for again."""
    found = _load(request.path_params["name"])
    if found is None:
        raise HTTPException(404, "There is no such file.")
    content, packed, media_type = found
    headers = {"Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    headers["Cache-Control"] = FOREVER if "v" in request.query_params else "no-cache"
    if packed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        content = packed
    return Response(content, media_type=media_type, headers=headers)


def application() -> Starlette:
    """All static files as an application to mount at ``/static``."""
    return Starlette(routes=[Route("/{name:path}", serve, methods=["GET"])])
