"""Swallow in production, re-raise in tests.

Nothing inside the hook may end or stop a training. What goes wrong is counted, logged once
and swallowed; tests set :data:`RERAISE`, so that a defect is seen where it happens.
"""

import logging

log = logging.getLogger("gadwatch")

RERAISE = False
_told: set[str] = set()


def swallow(error: Exception, where: str) -> None:
    """Log ``error`` once per place and kind, or raise it again in tests."""
    if RERAISE:
        raise error
    tell_once(f"{where}:{type(error).__name__}", "%s failed inside gadwatch: %r", where, error)


def tell_once(key: str, message: str, *facts: object) -> None:
    """A warning that is worth one line in the trainer's log, and no more."""
    if key not in _told:
        _told.add(key)
        log.warning(message, *facts)
