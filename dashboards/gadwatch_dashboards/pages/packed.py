"""JSON answers of figures, compressed where the browser takes it.

Pages themselves are not compressed: they carry the form token, which compression beside text of
the reader's choosing could give away.
"""

import gzip
import json
from typing import Any

from fastapi import Request, Response

PAYS = 1000
"""Bytes from which compression is worth its time."""


def packed(request: Request, value: dict[str, Any]) -> Response:
    """``value`` as JSON; it holds no NaN."""
    body = json.dumps(value, allow_nan=False, separators=(",", ":")).encode()
    headers = {"Vary": "Accept-Encoding"}
    if len(body) > PAYS and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 5)
        headers["Content-Encoding"] = "gzip"
    return Response(body, media_type="application/json", headers=headers)
