"""Asking for pages without a browser."""

import re

import httpx2

from gadwatch_service.access.browser import csrf_token_of
from gadwatch_service.access.credentials import SESSION_COOKIE

Client = httpx2.AsyncClient
OURS = {"Origin": "http://127.0.0.1"}


async def text_of(pages: Client, path: str) -> str:
    answer = await pages.get(path)
    assert answer.status_code == 200, answer.text
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


async def log_in(pages: Client) -> str:
    """Become a browser; the session's form token."""
    token = pages.headers.pop("Authorization").removeprefix("Bearer ")
    await pages.post("/login", data={"token": token}, headers=OURS)
    return csrf_token_of(pages.cookies[SESSION_COOKIE])
