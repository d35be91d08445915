"""Several requests at a time, and an end at the first that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Final, TypeVar

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE: Final = 4


def for_each(act: Callable[[T], R], things: Iterable[T]) -> list[R]:
    """What `act` gives for each thing, in their order.

    Raises what the first to fail raised; what has not begun by then is left, what has begun is not
    waited for.
    """
    pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="push")
    try:
        futures = [pool.submit(act, thing) for thing in things]
        done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        for future in done:
            future.result()
        return [future.result() for future in futures]
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
