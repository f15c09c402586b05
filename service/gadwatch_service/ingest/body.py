"""Reading a request's body; decompressed, it is never larger than allowed."""

import zlib
from typing import Final

import zstandard
from starlette.requests import ClientDisconnect, Request

from gadwatch_service.errors import BadRequest, TooLarge, UnsupportedEncoding
from gadwatch_service.settings import Settings

_ZSTD_WINDOW: Final = 2**23
"""Largest window that a zstd frame may ask for, 8 MiB: what RFC 9659 allows in HTTP."""


async def read_body(request: Request, settings: Settings) -> bytes:
    """The decompressed body.

    Raises :class:`TooLarge`, :class:`UnsupportedEncoding` or :class:`BadRequest`, each naming
    the limit or the form that was expected.
    """
    raw = await _read_raw(request)
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    match encoding:
        case "identity" | "":
            return raw
        case "gzip" | "x-gzip":
            return _gunzip(raw, settings.max_inflated_bytes)
        case "zstd":
            return _unzstd(raw, settings.max_inflated_bytes)
    raise UnsupportedEncoding(
        f"Content-Encoding {encoding!r} is not read here: send gzip, zstd or no compression."
    )


async def _read_raw(request: Request) -> bytes:
    try:
        return await request.body()
    except ClientDisconnect:
        raise BadRequest("The connection closed before the whole body had come.") from None


def _gunzip(raw: bytes, limit: int) -> bytes:
    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        body = decoder.decompress(raw, limit + 1)
    except zlib.error:
        raise BadRequest("The body is not valid gzip, though Content-Encoding says so.") from None
    if len(body) > limit:
        raise _too_large(limit)
    if not decoder.eof or decoder.unused_data:
        raise BadRequest("The gzip body is cut short or followed by something else.")
    return body


def _unzstd(raw: bytes, limit: int) -> bytes:
    decoder = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    try:
        with decoder.stream_reader(raw, read_across_frames=True) as reader:
            body = reader.read(limit + 1)
    except zstandard.ZstdError:
        raise BadRequest("The body is not valid zstd, though Content-Encoding says so.") from None
    if len(body) > limit:
        raise _too_large(limit)
    return body


def _too_large(limit: int) -> TooLarge:
    return TooLarge(
        f"The decompressed body exceeds max_inflated_bytes ({limit} bytes): send fewer steps in "
        "one request.",
        limit_name="max_inflated_bytes",
        limit=limit,
    )
