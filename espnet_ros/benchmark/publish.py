"""The last stage, publishing the mask: where ROS 2 is installed and works.

What ROS fails with costs this stage, not the benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from espnet_ros.benchmark.process import Worker
from espnet_ros.core.errors import BackendError

Publish = Callable[[npt.NDArray[np.uint8]], None]

_START_S = 60.0
_MATCH_S = 10.0


class Reception:
    """The process that receives what the others publish, or why there is none.

    :param environment: of all processes that publish or receive; None where ROS is not installed.
    :param folder: for its log.
    :param stack: ends the process.
    """

    def __init__(
        self, environment: Mapping[str, str] | None, folder: Path, stack: ExitStack
    ) -> None:
        self.environment = environment or {}
        self.reason: str | None = None
        if environment is None:
            self.reason = 'ROS 2 is not installed'
            return
        try:
            worker = stack.enter_context(Worker('receiver', folder / 'receiver.log', environment))
            worker.ask({'receive': True}, _START_S)
        except BackendError as error:
            self.reason = ' '.join(str(error).split())


class ReceiverJob:
    """Subscribes to the masks until the worker ends."""

    def __init__(self, stack: ExitStack) -> None:
        from espnet_ros.ros.mask_topic import MaskReceiver

        stack.enter_context(closing(MaskReceiver()))
        self.facts: dict[str, Any] = {}


def open_publisher(stack: ExitStack) -> tuple[Publish | None, str | None]:
    """Return what publishes a mask, or None and why not.

    :param stack: leaves ROS.
    """
    try:
        from espnet_ros.ros.mask_topic import MaskPublisher

        publisher = stack.enter_context(closing(MaskPublisher(_MATCH_S)))
    except Exception as error:
        return None, f'{type(error).__name__}: {error}'
    return publisher.publish, None
