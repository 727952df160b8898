"""Threads that decode, infer and publish, so that the ROS thread stays free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any

from espnet_ros.ros.mailbox import Mailbox


class Worker:
    """Takes the latest item of each key in turn through steps, with one thread for each step.

    An item stays in one thread, because handing it on would cost time. Each step works on one
    list of items at a time, and items keep their order; while some are in a later step, the
    first step takes the newest.

    :param keys: the keys of the items.
    :param steps: called one after the other with what the step before returned, the first one
        with a list of (key, item) of different keys; they must not raise.
    :param at_most: returns how many waiting items to take together.
    """

    def __init__(
        self,
        keys: tuple[Hashable, ...],
        *steps: Callable[[Any], Any],
        at_most: Callable[[], int] = lambda: 1,
    ) -> None:
        self._mailbox = Mailbox(keys)
        self._at_most = at_most
        self._steps = [(step, threading.Lock()) for step in steps]
        self._threads = [
            threading.Thread(target=self._run, name=f'worker_{n}', daemon=True)
            for n in range(len(steps))
        ]
        for thread in self._threads:
            thread.start()

    def put(self, key: Hashable, item: Any) -> bool:
        """Leave an item for the worker; return whether it replaced an older one."""
        return self._mailbox.put(key, item)

    def stop(self) -> None:
        """Finish the items in hand, forget the others and end the threads."""
        self._mailbox.close()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while self._take():
            pass

    def _take(self) -> bool:
        """Take the waiting items through all steps; return whether there were any."""
        _, held = self._steps[0]
        held.acquire()
        try:
            value: Any = self._mailbox.take(self._at_most())
            if not value:
                return False
            for step, lock in self._steps:
                if lock is not held:
                    # In this order, no thread can overtake another.
                    lock.acquire()
                    held.release()
                    held = lock
                value = step(value)
            return True
        finally:
            held.release()
