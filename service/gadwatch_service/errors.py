from collections.abc import Mapping
from typing import Any, ClassVar


class Problem(Exception):  # noqa: N818 - the name of RFC 9457
    """An error with an answer: rendered as ``application/problem+json`` by one handler.

    Subclasses set ``status`` and ``title``; ``detail`` says what was wrong and what to do,
    ``headers`` go with the answer and ``extra`` becomes further members of the document.
    """

    status: ClassVar[int] = 400
    title: ClassVar[str] = "Bad request"

    def __init__(
        self,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.headers = dict(headers or {})
        self.extra = dict(extra or {})

    def document(self) -> dict[str, Any]:
        """The body of the answer."""
        return {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }


class NotFound(Problem):
    """What was asked for does not exist, or not for this identity."""

    status = 404
    title = "Not found"


class Conflict(Problem):
    """What was asked for contradicts what is stored."""

    status = 409
    title = "Conflict"


class TooLarge(Problem):
    """A limit of the service is exceeded."""

    status = 413
    title = "Too large"


class Invalid(Problem):
    """The request was understood but its content cannot be used."""

    status = 422
    title = "Invalid content"
