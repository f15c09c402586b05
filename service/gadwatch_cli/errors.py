from enum import IntEnum


class Exit(IntEnum):
    """What a command's exit code says to the script that called it."""

    FINE = 0
    NO = 1
    """The answer is no: a critical finding, or a run that is not ready."""
    USAGE = 2
    """Bad arguments or unreadable input."""
    UNREACHABLE = 3
    """The service could not be reached."""


class Failure(Exception):  # noqa: N818 - a failed command, not a fault of the program
    """A command that cannot go on; its text is one line that says what to do."""

    def __init__(self, message: str, code: Exit = Exit.USAGE) -> None:
        super().__init__(message)
        self.code = code
