class GadwatchError(Exception):
    """What the client side of gadwatch raises; the message says what to do."""


class RunExistsError(GadwatchError):
    """``resume="never"`` was asked for, and the run exists already."""


class RunNotFoundError(GadwatchError):
    """There is no such run, or the token may not see it."""


class ServiceUnreachableError(GadwatchError):
    """No answer came from the service's address."""


class RefusedError(GadwatchError):
    """The service answered, and the answer was no. ``status`` is its HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class UnreadableLogError(GadwatchError):
    """A file holds nothing that can be read as metrics."""
