"""What a figure was measured on, and how figures are told."""

import platform
import resource
import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import psutil


def describe() -> str:
    """Processor, memory and versions in one line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        model = names[0].partition(":")[2].strip() if names else model
    memory = psutil.virtual_memory().total / 2**30
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("fastapi", "psycopg", "msgspec", "numpy", "uvicorn")
    )
    return (
        f"{psutil.cpu_count()} × {model}, {memory:.0f} GiB, Python {platform.python_version()}, "
        f"{packages}"
    )


def postgres_pid(data_dir: Path) -> int:
    """The main process of the embedded server under ``data_dir``."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().splitlines()[0])


def cpu_seconds(*pids: int) -> float:
    """Processor time that these processes and all their children have used so far."""
    total = 0.0
    for pid in pids:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            times = one.cpu_times()
            total += times.user + times.system
    return total


def ended_children_seconds() -> float:
    """Processor time of this process's children that have ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def load() -> str:
    """How busy the machine is with other things: the load of the last minute."""
    return f"{psutil.getloadavg()[0]:.1f}"


def median(values: Sequence[float]) -> float:
    """The middle of several measurements."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of the sorted values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
