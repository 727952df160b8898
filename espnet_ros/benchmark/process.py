"""The parent's end of a worker process: ask, with a deadline, and learn why it died."""

from __future__ import annotations

import json
import queue
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from espnet_ros.core.child import Child, parsed
from espnet_ros.core.errors import BackendError
from espnet_ros.core.python_child import module_command

_GRACE_S = 3.0
_WORDS = 300


class Worker:
    """A process of its own that measures one thing, as a context manager.

    :param name: for messages.
    :param log: file for its error messages.
    :param environment: added to this process's own.
    """

    def __init__(
        self, name: str, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._answers: queue.Queue[str | None] = queue.Queue()
        command = module_command('espnet_ros.benchmark.worker')
        self._child = Child(name, command, self._answers.put, log, environment)

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._child.pid

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(at_once=interrupts(kind))

    def ask(self, request: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        """Send one request and return its answer.

        :raises BackendError: if the worker reports an error, dies, or does not answer in time;
            it has then ended.
        """
        # If the worker has died, its missing answer shows that, and why.
        self._child.say(json.dumps(request))
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            self._child.kill()
            raise BackendError(
                f'no answer for {timeout_s:.0f} s, so the process was ended'
            ) from None
        answer = parsed(line)
        if answer is None:
            # A worker that dies while it answers leaves a part of a line; its status tells why.
            if line is not None and line.endswith('\n'):
                self._child.kill()
            raise BackendError(self._obituary())
        if 'error' in answer:
            raise BackendError(answer['error'])
        return answer

    def close(self, at_once: bool = False) -> None:
        """End the process.

        :param at_once: ask it to stop in the middle of its work.
        """
        if at_once:
            # Not killed, as its shared memory for ROS would stay until the next boot.
            self._child.terminate()
        self._child.end(_GRACE_S)

    def _obituary(self) -> str:
        how, words = self._child.how_it_ended(), self._child.last_words(1)
        last = f'; its last words: {words[:_WORDS]}' if words else ''
        return f'the process ended {how}{last}'


def interrupts(kind: type[BaseException] | None) -> bool:
    """Tell whether an exception is an interrupt, after which nobody waits for slow processes."""
    return kind is not None and not issubclass(kind, Exception)
