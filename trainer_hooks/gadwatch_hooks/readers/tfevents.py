from collections.abc import Iterator
from pathlib import Path

from gadwatch_hooks.errors import UnreadableLogError
from gadwatch_hooks.readers.record import Entry
from gadwatch_hooks.readers.times import unix_seconds


def is_tfevents(path: Path) -> bool:
    """Whether ``path`` is a TensorBoard event file, by its name."""
    return "tfevents" in path.name


def event_files(folder: Path) -> list[Path]:
    """The event files directly in ``folder``, in the order in which they were begun."""
    return sorted(p for p in folder.glob("*tfevents*") if p.is_file())


class EventFile:
    """An event file that may still grow."""

    def __init__(self, path: Path) -> None:
        """Raises :class:`UnreadableLogError` where ``tensorboard`` is not installed."""
        try:
            from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
        except ImportError:
            raise UnreadableLogError(
                f"{path} is a TensorBoard file; reading it needs "
                "`pip install gadwatch[tensorboard]`"
            ) from None
        self._loader = EventFileLoader(str(path))

    def entries(self) -> Iterator[Entry]:
        """The scalars written since the last call, one event an entry."""
        from tensorboard.util.tensor_util import make_ndarray

        for event in self._loader.Load():
            metrics: dict[str, float] = {}
            for value in event.summary.value:
                plugin = value.metadata.plugin_data.plugin_name
                if value.HasField("simple_value"):
                    metrics[value.tag] = float(value.simple_value)
                elif value.HasField("tensor") and plugin in {"", "scalars"}:
                    array = make_ndarray(value.tensor)
                    if array.size == 1 and array.dtype.kind in "fiub":
                        metrics[value.tag] = float(array.reshape(-1)[0])
            if metrics:
                yield Entry(metrics, int(event.step), unix_seconds(event.wall_time))
