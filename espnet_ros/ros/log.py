"""What goes into the node's log and on /rosout: how often, and what is logged outside of ROS."""

from __future__ import annotations

import logging
import math
import threading
import time
import traceback
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Any

from espnet_ros.core.errors import EspnetRosError

_PACKAGE = 'espnet_ros'
# Between two repetitions of one complaint.
QUIET_S = 5.0


class Quiet:
    """Lets each complaint be told at once, and again after `QUIET_S`; for several threads.

    rclpy's throttle takes a line of code for one complaint, whichever camera it is about: the
    first one to complain would silence all others.
    """

    def __init__(self) -> None:
        self._told_s: dict[tuple[Hashable, ...], float] = {}
        self._lock = threading.Lock()

    def is_due(self, *complaint: Hashable) -> bool:
        """Tell whether a complaint may be told now, which then counts as told.

        :param complaint: what tells it from others, e.g. its kind and the camera.
        """
        now_s = time.monotonic()
        with self._lock:
            if now_s - self._told_s.get(complaint, -math.inf) < QUIET_S:
                return False
            self._told_s[complaint] = now_s
            return True


def details(error: Exception) -> str:
    """Return lines for behind the sentence of an error: where it is from; '' for one of ours."""
    if isinstance(error, EspnetRosError):
        return ''
    return '\n' + ''.join(traceback.format_exception(error)).rstrip()


class _Forwarder(logging.Handler):
    """Says a record in the words of the node."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        # rclpy wants each severity on a line of its own. Less than a warning does not come here:
        # nobody lowers the level of Python's log in the node.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        else:
            self._logger.warning(text)


@contextmanager
def forwarded_log(logger: Any) -> Iterator[None]:
    """Let the backends' warnings come from the node, not from stderr alone, meanwhile.

    :param logger: of the node, `rclpy.node.Node.get_logger`.
    """
    forwarder = _Forwarder(logger)
    package = logging.getLogger(_PACKAGE)
    package.addHandler(forwarder)
    try:
        yield
    finally:
        package.removeHandler(forwarder)
