"""A child process that exchanges lines with this one, ends with it and is read by a thread."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

# Runs in the child before anything else. Linux then ends the child with its parent, however the
# parent dies. A preexec_fn would do the same, but is unsafe if there are threads.
_TIE = """
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""


class Child:
    """A child process that does not get the terminal's Ctrl-C and does not outlive this process.

    Linux ties it to the thread that makes it, so make it in a thread that stays.

    :param name: for messages.
    :param command: to run, e.g. from `module_command`.
    :param hear: called in its own thread with each line of stdout, and with None at the end.
    :param log: the file for stderr; None sends it to this process's stderr.
    :param environment: added to this process's own.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        hear: Callable[[str | None], object],
        log: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self._log = log
        tied = [sys.executable, '-I', '-S', '-c', _TIE, str(os.getpid()), *command]
        with contextlib.ExitStack() as opened:
            self._process = subprocess.Popen(
                tied,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=opened.enter_context(log.open('wb')) if log else None,
                env={**os.environ, **(environment or {})},
                text=True,
                # Undecodable output of a library must not stop the reading.
                errors='replace',
                start_new_session=True,
            )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._stdin = self._process.stdin
        ears = self._process.stdout, hear
        threading.Thread(target=_listen, args=ears, daemon=True).start()

    @property
    def pid(self) -> int:
        """Return the process id."""
        return self._process.pid

    def say(self, line: str) -> None:
        """Write one line to the child's stdin."""
        # The reader notices a child that died, and its log says why.
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(line + '\n')
            self._stdin.flush()

    def rss_mb(self) -> float:
        """Return the resident memory in MB, 0 if the process is gone."""
        try:
            pages = int(Path(f'/proc/{self.pid}/statm').read_text().split()[1])
        except (OSError, IndexError):
            return 0.0
        return pages * os.sysconf('SC_PAGE_SIZE') / 1e6

    def last_words(self, lines: int = 12) -> str:
        """Return the last non-empty lines of the log."""
        if self._log is None:
            return ''
        words = self._log.read_text(errors='replace').splitlines()
        return '\n'.join([line for line in words if line.strip()][-lines:])

    def how_it_ended(self) -> str:
        """Wait for the end and return how it ended: ``with status 2`` or ``by SIGTERM``."""
        code = self._process.wait()
        if code >= 0:
            return f'with status {code}'
        hint = ' (is there enough memory?)' if code == -signal.SIGKILL else ''
        return f'by {signal.Signals(-code).name}{hint}'

    def terminate(self) -> None:
        """Ask it to end: send SIGTERM and close its stdin."""
        self._process.terminate()
        self._hang_up()

    def kill(self) -> None:
        """Kill it and everything it started."""
        # After a wait the group is gone, and its number may belong to another process.
        if self._process.poll() is None:
            os.killpg(self.pid, signal.SIGKILL)

    def end(self, grace_s: float) -> None:
        """Close its stdin, and kill it if it does not end within this many seconds."""
        self._hang_up()
        try:
            self._process.wait(grace_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()

    def _hang_up(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stdin.close()


def parsed(line: str | None) -> dict[str, Any] | None:
    """Return the JSON object in a line, None for anything else, such as the end of the lines."""
    with contextlib.suppress(ValueError):
        found = json.loads(line or '')
        return found if isinstance(found, dict) else None
    return None


def _listen(lines: IO[str], hear: Callable[[str | None], object]) -> None:
    with lines:
        for line in lines:
            hear(line)
    hear(None)
