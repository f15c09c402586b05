"""What can go wrong when rules are built or states are read back."""


class RulesError(ValueError):
    """Base of all errors of this package."""


class PackError(RulesError):
    """A pack, an override or a case file is wrong; the text names file, line, rule and remedy."""

    def __init__(
        self, problem: str, *, file: str = "", line: int | None = None, rule: str = ""
    ) -> None:
        self.problem = problem
        self.file = file
        self.line = line
        self.rule = rule
        where = ":".join(str(part) for part in (file, line) if part not in ("", None))
        subject = f"rule {rule!r}: " if rule else ""
        super().__init__(f"{where}: {subject}{problem}" if where else f"{subject}{problem}")


class StateError(RulesError):
    """A stored state was made by another engine or version; derive it anew by replay."""
