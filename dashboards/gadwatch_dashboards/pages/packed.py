"""Answers compressed where the browser takes it: a page of a hundred metrics is mostly alike."""

import gzip
import json
from dataclasses import dataclass
from typing import Any, Self

from fastapi import Request, Response

PAYS = 1000
"""Bytes from which compression is worth its time."""


@dataclass(frozen=True)
class Packed:
    """A text and the same gzipped, to be handed to one reader or to many."""

    plain: bytes
    gzipped: bytes | None

    @classmethod
    def of(cls, text: str) -> Self:
        """Compress once."""
        body = text.encode()
        return cls(body, gzip.compress(body, 5) if len(body) > PAYS else None)

    @classmethod
    def json(cls, value: dict[str, Any]) -> Self:
        """``value`` as JSON; it holds no NaN."""
        return cls.of(json.dumps(value, allow_nan=False, separators=(",", ":")))

    def taken(self, request: Request) -> tuple[bytes, dict[str, str]]:
        """The body that this browser takes, and its headers."""
        headers = {"Vary": "Accept-Encoding"}
        if self.gzipped is None or "gzip" not in request.headers.get("accept-encoding", ""):
            return self.plain, headers
        return self.gzipped, headers | {"Content-Encoding": "gzip"}

    def answer(self, request: Request) -> Response:
        """The response that carries JSON."""
        body, headers = self.taken(request)
        return Response(body, headers=headers, media_type="application/json")


def packed(request: Request, value: dict[str, Any]) -> Response:
    """``value`` as JSON for one reader."""
    return Packed.json(value).answer(request)
