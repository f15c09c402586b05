import asyncio

import pytest

from gadwatch_service.shared import KEPT_SECONDS, Shared

pytestmark = pytest.mark.anyio


class Work:
    """Counts how often it is done; ``gate`` holds it open."""

    def __init__(self) -> None:
        self.done = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self) -> int:
        await self.gate.wait()
        self.done += 1
        return self.done


async def test_those_who_ask_at_once_get_one_answer() -> None:
    shared, work = Shared(lambda: 0.0), Work()
    work.gate.clear()
    asked = [asyncio.create_task(shared.get("run", work)) for _ in range(20)]
    await asyncio.sleep(0)
    work.gate.set()
    assert await asyncio.gather(*asked) == [1] * 20


async def test_an_answer_grows_old_and_keys_are_apart() -> None:
    clock = [0.0]
    shared, work = Shared(lambda: clock[0]), Work()
    assert [await shared.get("a", work), await shared.get("b", work)] == [1, 2]
    clock[0] += KEPT_SECONDS / 2
    assert await shared.get("a", work) == 1
    clock[0] += KEPT_SECONDS / 2
    assert await shared.get("a", work) == 3


async def test_a_failure_is_handed_to_nobody_else() -> None:
    shared, work = Shared(lambda: 0.0), Work()

    async def fail() -> int:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await shared.get("run", fail)
    assert await shared.get("run", work) == 1
