"""Stopwatches."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import httpx2


def seconds_of(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


async def both_clocks(work: Awaitable[Any]) -> tuple[float, float]:
    """Milliseconds of ``work``: on the wall, and of this process's processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    await work
    return (time.perf_counter() - wall) * 1000, (time.process_time() - processor) * 1000


async def timed_requests(client: httpx2.AsyncClient, addresses: Sequence[str]) -> list[float]:
    """Milliseconds of a request to each address, its way through the service included."""

    async def once(address: str) -> None:
        (await client.get(address)).raise_for_status()

    return [(await both_clocks(once(address)))[0] for address in addresses]
