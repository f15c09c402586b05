from collections.abc import Callable
from typing import Any

from gadwatch_hooks.plain import plain


class Config(dict[str, Any]):
    """A run's config: a dict whose changes are told to the service.

    Values are made plain JSON at once, so that what is read back is what is stored.
    """

    def __init__(self, config: dict[str, Any], changed: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(config)
        self._changed = changed

    def update(self, *args: Any, **kwargs: Any) -> None:
        """As ``dict.update``; nested mappings are replaced, not merged."""
        super().update(plain(dict(*args, **kwargs)))
        self._changed(dict(self))

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(str(name), plain(value))
        self._changed(dict(self))
