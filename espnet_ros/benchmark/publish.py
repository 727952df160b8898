"""The last stage, publishing the mask, if ROS 2 is installed and works.

An error in ROS costs this stage, not the benchmark.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from espnet_ros.benchmark.process import Worker
from espnet_ros.benchmark.timing import END_TO_END
from espnet_ros.core.errors import BackendError

STAGE = 'publish'
Publish = Callable[[npt.NDArray[np.uint8]], None]

_START_S = 60.0
_MATCH_S = 10.0
_ANSWER_S = 10.0


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
        self.worker: Worker | None = None
        if environment is None:
            self.reason = 'ROS 2 is not installed'
            return
        self.worker = stack.enter_context(Worker('receiver', folder / 'receiver.log', environment))
        self._ask({'receive': True}, _START_S)

    def check(self) -> None:
        """Check that the process still receives; if not, `reason` says so from here on."""
        if self.worker is not None:
            self._ask({'do': 'check'}, _ANSWER_S)

    def _ask(self, request: dict[str, Any], timeout_s: float) -> None:
        assert self.worker is not None
        try:
            self.worker.ask(request, timeout_s)
        except BackendError as error:
            self.worker = None
            self.reason = f'the receiver of the masks: {" ".join(str(error).split())}'


class ReceiverJob:
    """Subscribes to the masks until the worker ends."""

    def __init__(self, stack: ExitStack) -> None:
        from espnet_ros.ros.mask_topic import MaskReceiver

        stack.enter_context(closing(MaskReceiver()))
        self.facts: dict[str, Any] = {}

    def check(self) -> dict[str, Any]:
        """Answer, which shows that the process is still there."""
        return {}


def open_publisher(stack: ExitStack) -> tuple[Publish | None, str | None]:
    """Return what publishes a mask, or None and why not.

    :param stack: shuts ROS down.
    """
    try:
        from espnet_ros.ros.mask_topic import MaskPublisher

        publisher = stack.enter_context(closing(MaskPublisher(_MATCH_S)))
    except Exception as error:
        return None, f'{type(error).__name__}: {error}'
    return publisher.publish, None


def without_publishing(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a contender's results of a round without the stage, for when nobody received."""
    times = dict(entry['times_ms'])
    publish = times.pop(STAGE, None)
    if publish is None:
        return entry
    times[END_TO_END] = [t - p for t, p in zip(times[END_TO_END], publish, strict=True)]
    return {**entry, 'times_ms': times, 'seconds': entry['seconds'] - sum(publish) * 1e-3}
