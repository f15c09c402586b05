"""What forms say when a value in them is wrong."""

from pydantic import ValidationError

from gadwatch_service.errors import Invalid


def refusal(error: ValidationError) -> Invalid:
    """The first fault, with the name of its field."""
    fault = error.errors()[0]
    place = ".".join(map(str, fault["loc"]))
    problem = str(fault["msg"]).removeprefix("Value error, ")
    return Invalid(f"{place}: {problem}" if place else problem)
