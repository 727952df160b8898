"""Hand the latest image of each camera from the ROS thread to the worker."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any


class Mailbox:
    """One slot per key; a newer item replaces an older one, so waiting items never age.

    :param keys: the keys, served in turn so that a fast camera can't starve a slow one.
    """

    def __init__(self, keys: tuple[Hashable, ...]) -> None:
        self._slots: dict[Hashable, Any] = dict.fromkeys(keys)
        self._turn = list(keys)
        self._ready = threading.Condition()
        self._closed = False

    def put(self, key: Hashable, item: Any) -> bool:
        """Leave an item and return whether it replaced one that nobody had taken."""
        with self._ready:
            replaced = self._slots[key] is not None
            self._slots[key] = item
            self._ready.notify()
            return replaced

    def take(self, at_most: int = 1) -> list[tuple[Any, Any]]:
        """Wait for an item and return what is there with its keys.

        :param at_most: how many items, at least 1.
        :return: (key, item), the longest unserved key first; nothing once the mailbox is closed.
        """
        with self._ready:
            self._ready.wait_for(lambda: self._closed or self._waiting())
            keys = [] if self._closed else self._waiting()[:at_most]
            taken = [(key, self._slots[key]) for key in keys]
            for key in keys:
                self._slots[key] = None
                self._turn.remove(key)
                self._turn.append(key)
            return taken

    def close(self) -> None:
        """Wake the taker for good; what is left in the slots is forgotten."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()

    def _waiting(self) -> list[Hashable]:
        return [key for key in self._turn if self._slots[key] is not None]
