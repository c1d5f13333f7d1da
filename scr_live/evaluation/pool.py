"""Work before and after a step that must stay in one thread, done by a few threads beside it."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

Item = TypeVar("Item")
Prepared = TypeVar("Prepared")
Answered = TypeVar("Answered")
Result = TypeVar("Result")


def in_order(
    items: Iterable[Item],
    prepare: Callable[[Item], Prepared],
    *,
    step: Callable[[Prepared], Answered],
    finish: Callable[[Answered], Result],
    workers: int,
) -> Generator[Result, None, None]:
    """Yield finish(step(prepare(item))) in the order of the items; `step` runs in the calling thread alone.

    At most 2 * workers items are prepared ahead, and as many wait to be finished. An error of any of the
    three ends it, and results that still waited are lost; then, and when the caller stops, the threads end
    with what each is at.
    """
    ahead = 2 * workers
    waiting = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="evaluate")
    try:
        prepared: deque[Future[Prepared]] = deque(
            pool.submit(prepare, item) for item in islice(waiting, ahead)
        )
        finishing: deque[Future[Result]] = deque()
        while prepared:
            answered = step(prepared.popleft().result())
            finishing.append(pool.submit(finish, answered))
            prepared.extend(pool.submit(prepare, item) for item in islice(waiting, 1))
            if len(finishing) > ahead:
                yield finishing.popleft().result()
        while finishing:
            yield finishing.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
