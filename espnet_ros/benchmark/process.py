"""The parent's end of a worker process: ask, with a deadline, and learn why it died."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from espnet_ros.core.errors import BackendError
from espnet_ros.core.python_child import module_command

_GRACE_S = 3.0
_WORDS = 300


class Worker:
    """A process of its own that measures one thing, as a context manager.

    It ends with the pipe, so that it does not outlive this process.

    :param name: for messages.
    :param log: file that it may complain to.
    :param environment: added to this process's own.
    """

    def __init__(
        self, name: str, log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.name = name
        self._log = log
        self._answers: queue.Queue[str | None] = queue.Queue()
        with log.open('wb') as errors:
            self._process = subprocess.Popen(
                module_command('espnet_ros.benchmark.worker'),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(environment or {})},
                text=True,
                # The terminal's Ctrl-C is the parent's to handle.
                start_new_session=True,
            )
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

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
            it is then gone.
        """
        assert self._process.stdin is not None
        # A worker that died is noticed by its missing answer, which also says why.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(request) + '\n')
            self._process.stdin.flush()
        try:
            line = self._answers.get(timeout=timeout_s)
        except queue.Empty:
            self._process.kill()
            raise BackendError(
                f'no answer for {timeout_s:.0f} s, the process was ended'
            ) from None
        answer = _parsed(line)
        if answer is None:
            # Who dies while it answers leaves a part of a line, and tells by what it died.
            if line is not None and line.endswith('\n'):
                self._process.kill()
            raise BackendError(self._obituary())
        if 'error' in answer:
            raise BackendError(answer['error'])
        return answer

    def close(self, at_once: bool = False) -> None:
        """End the process.

        :param at_once: give it no time to leave by itself.
        """
        assert self._process.stdin is not None
        if at_once:
            self._process.kill()
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._answers.put(line)
        self._answers.put(None)

    def _obituary(self) -> str:
        code = self._process.wait()
        how = f'with status {code}' if code >= 0 else f'by {signal.Signals(-code).name}'
        if code == -signal.SIGKILL:
            how += ' (is there enough memory?)'
        words = [line for line in self._log.read_text(errors='replace').splitlines() if line]
        last = f'; its last words: {words[-1][:_WORDS]}' if words else ''
        return f'the process ended {how}{last}'


def interrupts(kind: type[BaseException] | None) -> bool:
    """Tell whether who leaves with this does not want to wait for each process to leave itself."""
    return kind is not None and not issubclass(kind, Exception)


def _parsed(line: str | None) -> dict[str, Any] | None:
    """Return an answer, None at the end of the pipe or for what is no whole answer."""
    with contextlib.suppress(ValueError):
        answer = json.loads(line or '')
        return answer if isinstance(answer, dict) else None
    return None
