"""MLflow's pages: ``max_results`` and an opaque ``page_token``, here the place in the whole."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from gadwatch_service.mlflow.errors import invalid
from gadwatch_service.mlflow.schemas import Number
from gadwatch_service.mlflow.wire import int64_in

T = TypeVar("T")


@dataclass(frozen=True)
class Page:
    """Which part of the whole is asked for."""

    offset: int
    size: int

    @property
    def end(self) -> int:
        """The place after its last thing."""
        return self.offset + self.size

    def cut(self, things: Sequence[T]) -> Sequence[T]:
        """The page's things out of the whole, or of the whole's beginning."""
        return things[self.offset : self.end]

    def next(self, known: int) -> dict[str, str]:
        """The reply's ``next_page_token``, if more things are known than the page shows."""
        return {"next_page_token": str(self.end)} if known > self.end else {}


def page_of(max_results: Number | None, token: str | None, largest: int) -> Page:
    """The page that a request asks for.

    Raises :class:`MlflowError` when the size is not positive or the token none of ours.
    """
    size = largest if max_results is None else int64_in(max_results, "max_results")
    if size < 1:
        raise invalid("max_results must be at least 1")
    if token and not (token.isascii() and token.isdigit() and len(token) < 16):
        raise invalid("page_token is none that this service gave out")
    return Page(int(token or 0), min(size, largest))
