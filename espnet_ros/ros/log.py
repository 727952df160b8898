"""What the package logs outside of ROS, in the node's log and on /rosout."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_PACKAGE = 'espnet_ros'


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
