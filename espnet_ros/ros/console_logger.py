"""The node's logger, which says how many lines the console did not take."""

from __future__ import annotations

import os
import threading
from typing import Any

from rclpy.impl import rcutils_logger
from rclpy.impl.rcutils_logger import RcutilsLogger

from espnet_ros.ros.console import takes_text

# rclpy tells logging calls apart by the first caller outside of the files in this internal list.
# Without this file in it, `once=True` and the like would hold for all calls together.
getattr(rcutils_logger, '_internal_callers', []).append(os.path.realpath(__file__))

# How long to wait for a late reader.
_PATIENCE_S = 0.1


class ConsoleLogger(RcutilsLogger):
    """Logs as rclpy does, but hardly waits for a console; may be used from several threads.

    After `console.never_wait`, a line that the console does not take is still on /rosout and in
    the log file. If that call could not help (a socket), the line is missing there, too.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._counter = RcutilsLogger(name)
        self._left_out = 0
        # Once it has waited in vain, it waits no more until the console takes something.
        self._patience_s = _PATIENCE_S
        self._lock = threading.Lock()

    def log(self, message: str, severity: Any, *args: Any, **kwargs: Any) -> bool:
        """Log a message like `rclpy.impl.rcutils_logger.RcutilsLogger.log`.

        :param args: the logger's name, from Kilted on.
        """
        if not self.is_enabled_for(severity):
            return False
        fd = 1 if os.environ.get('RCUTILS_LOGGING_USE_STDOUT') == '1' else 2
        if self._left_out and takes_text(fd):
            self._tell_left_out()
        is_taken = takes_text(fd, self._patience_s)
        self._patience_s = _PATIENCE_S if is_taken else 0.0
        if not is_taken:
            with self._lock:
                self._left_out += 1
            if os.get_blocking(fd):
                return False
        return super().log(message, severity, *args, **kwargs)

    def _tell_left_out(self) -> None:
        with self._lock:
            count, self._left_out = self._left_out, 0
        if count:
            self._counter.warning(
                f'lines of the log are missing here (about {count}), as this console was not read '
                'in time: see /diagnostics for what is wrong now'
            )
