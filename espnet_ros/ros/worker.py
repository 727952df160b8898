"""The one thread that decodes, infers and publishes, so that the ROS thread stays free."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any

from espnet_ros.ros.mailbox import Mailbox


class Worker:
    """Runs a function on the latest item of each key in turn.

    :param keys: the keys that items come under.
    :param handle: called with key and item in the worker's thread; must not raise.
    """

    def __init__(self, keys: tuple[Hashable, ...], handle: Callable[[Any, Any], None]) -> None:
        self._mailbox = Mailbox(keys)
        self._handle = handle
        self._thread = threading.Thread(target=self._run, name='segmentation', daemon=True)
        self._thread.start()

    def put(self, key: Hashable, item: Any) -> bool:
        """Leave an item for the worker; return whether it pushed out an older one."""
        return self._mailbox.put(key, item)

    def stop(self) -> None:
        """Finish the item in hand, forget the others and end the thread."""
        self._mailbox.close()
        self._thread.join()

    def _run(self) -> None:
        while (taken := self._mailbox.take()) is not None:
            self._handle(*taken)
