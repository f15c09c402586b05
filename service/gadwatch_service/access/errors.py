import math

from gadwatch_service.errors import Problem


class Unauthenticated(Problem):
    """No valid token or session came with the request."""

    status = 401
    title = "Not authenticated"

    def __init__(self, detail: str) -> None:
        challenge = 'Bearer realm="gadwatch", Basic realm="gadwatch"'
        super().__init__(detail, headers={"WWW-Authenticate": challenge})


class LoginRequired(Problem):
    """A person opened a page without a session: the browser is sent to the login page."""

    status = 303
    title = "Login required"

    def __init__(self, location: str) -> None:
        super().__init__("Log in first.", headers={"Location": location})


class Forbidden(Problem):
    """The identity is known, but may not do this."""

    status = 403
    title = "Not allowed"


class TooManyAttempts(Problem):
    """An address sent too many wrong tokens."""

    status = 429
    title = "Too many attempts"

    def __init__(self, wait_s: float) -> None:
        seconds = max(1, math.ceil(wait_s))
        super().__init__(
            f"Too many wrong tokens came from your address: try again in {seconds} s.",
            headers={"Retry-After": str(seconds)},
        )
