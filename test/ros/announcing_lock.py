"""A lock for tests of who has to wait for whom, without waiting to see that nothing happens."""

from __future__ import annotations

import threading
from collections.abc import Callable

DEADLINE_S = 30.0


class AnnouncingLock:
    """A `threading.Lock` for with statements that tells when somebody waits for it.

    :param say: called then, with 'waits'.
    """

    def __init__(self, say: Callable[[str], object]) -> None:
        self._lock, self._say = threading.Lock(), say

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            self._say('waits')
            assert self._lock.acquire(timeout=DEADLINE_S)

    def __exit__(self, *_: object) -> None:
        self._lock.release()
