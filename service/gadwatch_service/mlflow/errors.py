"""MLflow's error shape: ``{"error_code", "message"}`` with the status that its client expects."""

STATUS_OF_CODE = {
    "INVALID_PARAMETER_VALUE": 400,
    "RESOURCE_ALREADY_EXISTS": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "RESOURCE_DOES_NOT_EXIST": 404,
    "ENDPOINT_NOT_FOUND": 404,
    "RESOURCE_CONFLICT": 409,
    "REQUEST_LIMIT_EXCEEDED": 429,
    "INTERNAL_ERROR": 500,
    "NOT_IMPLEMENTED": 501,
    "TEMPORARILY_UNAVAILABLE": 503,
}

CODE_OF_STATUS = {
    400: "INVALID_PARAMETER_VALUE",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "RESOURCE_DOES_NOT_EXIST",
    405: "ENDPOINT_NOT_FOUND",
    409: "RESOURCE_CONFLICT",
    429: "REQUEST_LIMIT_EXCEEDED",
    501: "NOT_IMPLEMENTED",
    503: "TEMPORARILY_UNAVAILABLE",
}


class MlflowError(Exception):
    """A refusal in MLflow's words; ``code`` is one of :data:`STATUS_OF_CODE`."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def status(self) -> int:
        """The HTTP status that goes with the code."""
        return STATUS_OF_CODE[self.code]


def invalid(message: str) -> MlflowError:
    """The request itself is wrong; a repetition would not help."""
    return MlflowError("INVALID_PARAMETER_VALUE", message)


def missing(message: str) -> MlflowError:
    """What the request names does not exist: the code that MLflow's client tests for."""
    return MlflowError("RESOURCE_DOES_NOT_EXIST", message)


def code_of_status(status: int) -> str:
    """The error code for a refusal that was raised by another part of the service."""
    if status in CODE_OF_STATUS:
        return CODE_OF_STATUS[status]
    return "INTERNAL_ERROR" if status >= 500 else "INVALID_PARAMETER_VALUE"
