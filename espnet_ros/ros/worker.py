"""Threads that decode, infer and publish, so that the ROS thread stays free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any

from espnet_ros.ros.mailbox import Mailbox


class Worker:
    """Takes the latest item of each key in turn through steps, a thread for each step.

    An item stays in one thread, as handing it on would cost time. Each step has one item at a
    time, and items keep their order; while one is in a later step, the newest is taken.

    :param keys: the keys that items come under.
    :param steps: called one after the other with the key and what the step before returned, the
        first one with the item; they must not raise.
    """

    def __init__(self, keys: tuple[Hashable, ...], *steps: Callable[[Any, Any], Any]) -> None:
        self._mailbox = Mailbox(keys)
        self._steps = [(step, threading.Lock()) for step in steps]
        self._threads = [
            threading.Thread(target=self._run, name=f'worker_{n}', daemon=True)
            for n in range(len(steps))
        ]
        for thread in self._threads:
            thread.start()

    def put(self, key: Hashable, item: Any) -> bool:
        """Leave an item for the worker; return whether it pushed out an older one."""
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
        """Take one item through all steps; return whether there was one."""
        _, held = self._steps[0]
        held.acquire()
        try:
            taken = self._mailbox.take()
            if taken is None:
                return False
            key, value = taken
            for step, lock in self._steps:
                if lock is not held:
                    # In this order nobody can overtake.
                    lock.acquire()
                    held.release()
                    held = lock
                value = step(key, value)
            return True
        finally:
            held.release()
