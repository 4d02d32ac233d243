"""Who is told when something changes: the pages that are open, and tests that wait for a fact."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

Json = dict[str, Any]
T = TypeVar("T")


class Changes:
    """A broadcast of increments, in the words of the page protocol."""

    def __init__(self) -> None:
        self._condition = asyncio.Condition()
        self._queues: set[asyncio.Queue[Json]] = set()
        self._wakes: set[asyncio.Task[None]] = set()

    def tell(self, increment: Json) -> None:
        """Hand an increment to every open page and wake whoever waits."""
        for queue in self._queues:
            queue.put_nowait(increment)
        self.wake()

    def wake(self) -> None:
        """Let every waiting predicate be asked again."""
        task = asyncio.get_running_loop().create_task(self._notify())
        self._wakes.add(task)
        task.add_done_callback(self._wakes.discard)

    @contextmanager
    def listening(self) -> Iterator[asyncio.Queue[Json]]:
        """A queue that receives every increment while the block runs."""
        queue: asyncio.Queue[Json] = asyncio.Queue()
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)

    async def settled(self, predicate: Callable[[], T], seconds: float) -> T:
        """The first true value of the predicate. TimeoutError when there is none in time."""
        deadline = time.monotonic() + seconds
        async with self._condition:
            while not (value := predicate()):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError(f"what was waited for did not come in {seconds} s")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._condition.wait(), left)
        return value

    async def _notify(self) -> None:
        async with self._condition:
            self._condition.notify_all()
