"""What goes into the node's log and /rosout: how often, and what is logged outside of ROS."""

from __future__ import annotations

import logging
import re
import threading
import time
import traceback
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from espnet_ros.core.errors import EspnetRosError

_PACKAGE = 'espnet_ros'
# Least time until a complaint is repeated; it doubles with each repetition up to the longest. A
# complaint that has not been heard for so long is a new one.
QUIET_S = 5.0
LONGEST_QUIET_S = 60.0
# Ages, stamps and sizes differ from one message to the next.
_NUMBERS = re.compile(r'\d+')


class Quiet:
    """Lets each complaint be logged at once, and then ever more seldom; for several threads.

    A camera that is broken for days does not fill the disk, as ROS never removes its log files.

    rclpy's throttle treats a line of code as one complaint, whichever camera it is about: the
    first camera to complain would silence all others.
    """

    def __init__(self) -> None:
        self._complaints: dict[tuple[Hashable, ...], _Complaint] = {}
        self._texts: dict[tuple[Hashable, ...], str] = {}
        self._lock = threading.Lock()

    def is_due(self, text: str, *complaint: Hashable) -> bool:
        """Tell whether a complaint may be logged now; if so, it counts as logged.

        :param text: another one than the last, numbers apart, does not wait for that one's turn.
        :param complaint: what distinguishes it from others, e.g. its kind and the camera.
        """
        now_s, words = time.monotonic(), _NUMBERS.sub('', text)
        with self._lock:
            known = self._complaints.get(complaint)
            if known is None or now_s - known.heard_s >= LONGEST_QUIET_S:
                self._complaints[complaint] = _Complaint(words, now_s, now_s, QUIET_S)
                return True
            known.heard_s = now_s
            is_same = words == known.words
            if now_s - known.told_s < (known.quiet_s if is_same else QUIET_S):
                return False
            known.quiet_s = min(2 * known.quiet_s, LONGEST_QUIET_S) if is_same else QUIET_S
            known.words, known.told_s = words, now_s
            return True

    def is_news(self, text: str, *complaint: Hashable) -> bool:
        """Tell whether a complaint is due and has another text than the last time it was logged.

        :param text: '' if there is nothing to complain about: any text after that is another one.
        """
        if not text:
            self._texts.pop(complaint, None)
        if text == self._texts.get(complaint, '') or not self.is_due(text, *complaint):
            return False
        self._texts[complaint] = text
        return True


@dataclass
class _Complaint:
    words: str
    told_s: float
    heard_s: float
    quiet_s: float


def details(error: Exception) -> str:
    """Return the traceback to append to an error's sentence; '' for an `EspnetRosError`."""
    if isinstance(error, EspnetRosError):
        return ''
    return '\n' + ''.join(traceback.format_exception(error)).rstrip()


class _Forwarder(logging.Handler):
    """Passes a record to the node's logger."""

    def __init__(self, logger: Any) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        # rclpy wants each severity on its own line of code. Nothing below a warning arrives here:
        # nobody lowers the level of Python's log in the node.
        if record.levelno >= logging.ERROR:
            self._logger.error(text)
        else:
            self._logger.warning(text)


@contextmanager
def forwarded_log(logger: Any) -> Iterator[None]:
    """Meanwhile, log the backends' warnings through the node, not to stderr alone.

    :param logger: of the node, `rclpy.node.Node.get_logger`.
    """
    forwarder = _Forwarder(logger)
    package = logging.getLogger(_PACKAGE)
    package.addHandler(forwarder)
    try:
        yield
    finally:
        package.removeHandler(forwarder)
