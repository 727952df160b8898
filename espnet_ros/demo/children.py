"""The demo's child processes and what they say; none is left behind."""

from __future__ import annotations

import os
import queue
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from espnet_ros.core.child import Child, parsed
from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.python_child import module_command

Event = dict[str, Any]

_GRACE_S = 3.0


class Children:
    """The processes of one demo and what they say; leaving the context ends them all.

    :param folder: for their logs.
    :param environment: added to this process's own.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        # Not in the user's home, which would fill up or may not be writable.
        self._environment = {'ROS_LOG_DIR': str(folder), **os.environ, **environment}
        self._events: queue.Queue[tuple[str, Event]] = queue.Queue()
        self._children: dict[str, Child] = {}

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # Ctrl-C must not interrupt the cleaning up; it lasts _GRACE_S at most.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._end()
        finally:
            signal.signal(signal.SIGINT, previous)

    def start(self, name: str, module: str, *arguments: str) -> Child:
        """Start this Python with a module of ours.

        :param name: for messages and the name of the log, unlike that of any other child.
        """
        command = module_command(module, *arguments)
        log = self._folder / f'{name}.log'
        child = Child(name, command, partial(self._hear, name), log, self._environment)
        self._children[name] = child
        return child

    def events(self, deadline: float) -> Iterator[Event]:
        """Yield what the children say as it comes, until the deadline.

        :param deadline: a time of `time.monotonic`.
        :raises EspnetRosError: when a child ends by itself.
        """
        while True:
            try:
                left = max(0.0, deadline - time.monotonic())
                name, event = self._events.get(timeout=left)
            except queue.Empty:
                return
            if event['event'] == 'exit':
                child = self._children[name]
                raise EspnetRosError(
                    f'the {name} process ended by itself {child.how_it_ended()}; its last '
                    f'words:\n{child.last_words()}'
                )
            yield event

    def wait(self, event: str, seconds: float, take: Callable[[Event], None]) -> Event:
        """Wait for one event of any child, letting `take` see every one until then.

        :raises EspnetRosError: at the deadline, with the last words of all children.
        """
        deadline = time.monotonic() + seconds
        for message in self.events(deadline):
            take(message)
            if message['event'] == event:
                return message
        words = '\n'.join(f'[{c.name}] {c.last_words()}' for c in self._children.values())
        raise EspnetRosError(f'waited {seconds:.0f} s for {event!r} in vain; last words:\n{words}')

    def _hear(self, name: str, line: str | None) -> None:
        event = {'event': 'exit'} if line is None else parsed(line)
        if event is not None and 'event' in event:
            self._events.put((name, event))

    def _end(self) -> None:
        for child in self._children.values():
            child.terminate()
        deadline = time.monotonic() + _GRACE_S
        for child in self._children.values():
            child.end(max(0.0, deadline - time.monotonic()))
