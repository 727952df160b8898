"""The demo's child processes: started tied to this one, heard over pipes, never left behind."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.python_child import module_command

Event = dict[str, Any]

_GRACE_S = 3.0
_RANGE = 'ROS_AUTOMATIC_DISCOVERY_RANGE'

# Runs in the child before anything else: Linux then ends the child with its parent, however
# that dies. A preexec_fn would do the same, but is unsafe beside threads.
_TIE = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class Child:
    """One process with its log.

    :param name: for messages.
    :param log: file that stderr goes to.
    """

    def __init__(self, name: str, process: subprocess.Popen[str], log: Path) -> None:
        self.name = name
        self.process = process
        self._log = log

    def say(self, line: str) -> None:
        """Write one line to the child's stdin."""
        assert self.process.stdin is not None
        # A child that died is noticed by its exit event, which also says why.
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line + '\n')
            self.process.stdin.flush()

    def rss_mb(self) -> float:
        """Return the resident memory in MB, 0 when the process is gone."""
        try:
            pages = int(Path(f'/proc/{self.process.pid}/statm').read_text().split()[1])
        except (OSError, IndexError):
            return 0.0
        return pages * os.sysconf('SC_PAGE_SIZE') / 1e6

    def last_words(self, lines: int = 12) -> str:
        """Return the end of the log."""
        return '\n'.join(self._log.read_text(errors='replace').splitlines()[-lines:])


class Children:
    """The processes of one demo and what they say; leaving the context ends them all.

    :param folder: for their logs.
    :param environment: added to this process's own.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        # Not in the user's home, which would fill up or may not be written.
        self._environment = {'ROS_LOG_DIR': str(folder), **os.environ, **environment}
        self._events: queue.Queue[tuple[Child, Event]] = queue.Queue()
        self._children: list[Child] = []

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A second Ctrl-C must not interrupt the cleaning up; it lasts _GRACE_S at most.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._end()
        finally:
            signal.signal(signal.SIGINT, previous)

    def start(self, name: str, module: str, *arguments: str) -> Child:
        """Start this Python with a module of ours, away from the terminal's Ctrl-C."""
        log = self._folder / f'{name}.log'
        tied = [sys.executable, '-I', '-S', '-c', _TIE, str(os.getpid())]
        with log.open('wb') as errors:
            process = subprocess.Popen(
                [*tied, *module_command(module, *arguments)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self._environment,
                text=True,
                start_new_session=True,
            )
        child = Child(name, process, log)
        self._children.append(child)
        threading.Thread(target=self._listen, args=(child,), daemon=True).start()
        return child

    def events(self, deadline: float) -> Iterator[Event]:
        """Yield what the children say as it comes, until the deadline.

        :param deadline: a time of `time.monotonic`.
        :raises EspnetRosError: when a child ends by itself.
        """
        while True:
            try:
                left = max(0.0, deadline - time.monotonic())
                child, event = self._events.get(timeout=left)
            except queue.Empty:
                return
            if event['event'] == 'exit':
                code = child.process.wait()
                raise EspnetRosError(
                    f'the {child.name} process ended by itself with status {code}; its last '
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
        words = '\n'.join(f'[{c.name}] {c.last_words()}' for c in self._children)
        raise EspnetRosError(f'waited {seconds:.0f} s for {event!r} in vain; last words:\n{words}')

    def _listen(self, child: Child) -> None:
        assert child.process.stdout is not None
        for line in child.process.stdout:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and 'event' in event:
                    self._events.put((child, event))
        self._events.put((child, {'event': 'exit'}))

    def _end(self) -> None:
        for child in self._children:
            assert child.process.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                child.process.stdin.close()
            child.process.terminate()
        deadline = time.monotonic() + _GRACE_S
        for child in self._children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(child.process.pid, signal.SIGKILL)
                child.process.wait()


@contextlib.contextmanager
def ended_by_signals() -> Iterator[None]:
    """Clean up as after Ctrl-C when the terminal closes or the process is asked to end.

    Once it is asked, in whatever way, it cleans up without being interrupted again.
    """

    def leave(number: int, frame: object) -> None:
        for other in previous:
            signal.signal(other, signal.SIG_IGN)
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        sys.exit(128 + number)

    previous = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    # What is ignored stays so, as the hangup under nohup.
    previous = {n: handler for n, handler in previous.items() if handler is not signal.SIG_IGN}
    for number in previous:
        signal.signal(number, leave)
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def discovery_range() -> str:
    """Return how far ROS processes of ours are found: as the user set it, else on this machine.

    :raises EspnetRosError: if they could not even find each other.
    """
    # Empty is unset, which for ROS itself would be the whole network.
    found = os.environ.get(_RANGE) or 'LOCALHOST'
    if found == 'OFF':
        raise EspnetRosError(
            f'expected ROS processes to find each other, but {_RANGE} is OFF: unset it or set it '
            'to LOCALHOST, either of which keeps them to this machine'
        )
    return found


@contextlib.contextmanager
def ros_environment() -> Iterator[dict[str, str]]:
    """Reserve a ROS domain of our own, kept to this machine, with room for large images.

    A ROS_DOMAIN_ID that the user set stays, so that their tools can watch.

    :raises EspnetRosError: if there is no domain left, or no discovery.
    """
    from espnet_ros.ros.transport import large_image_environment

    environment = {_RANGE: discovery_range(), **large_image_environment()}
    if 'ROS_DOMAIN_ID' in os.environ:
        yield {**environment, 'ROS_DOMAIN_ID': os.environ['ROS_DOMAIN_ID']}
        return
    for domain in range(101, 0, -1):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as lock:
            try:
                # An abstract socket vanishes with its process: no stale lock files.
                lock.bind(f'\0espnet_ros_domain_{domain}')
            except OSError:
                continue
            yield {**environment, 'ROS_DOMAIN_ID': str(domain)}
            return
    raise EspnetRosError('all ROS domains 1 to 101 are used by demos: end one of them')
