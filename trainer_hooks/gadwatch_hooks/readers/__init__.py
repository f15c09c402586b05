"""Logs that a GAD user already has, as steps: ``detect``, ``read``, ``follow``."""

from gadwatch_hooks.readers.following import Follower, follow
from gadwatch_hooks.readers.reading import Format, detect, read
from gadwatch_hooks.readers.record import Record

__all__ = ["Follower", "Format", "Record", "detect", "follow", "read"]
