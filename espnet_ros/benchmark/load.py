"""How much of the processors other processes use while our own are measured."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

_PROC = Path('/proc')
# Of a processor's times in /proc/stat: user, nice, system, irq, softirq, and what other virtual
# machines took; idle and waiting are left out, guests are in user.
_BUSY = (0, 1, 2, 5, 6, 7)


class OthersLoad:
    """The average number of processors that other processes use from here on.

    :param pids: our own processes beside this one.
    """

    def __init__(self, pids: Sequence[int], proc: Path = _PROC) -> None:
        self._pids, self._proc = pids, proc
        self._start = self._look()

    def processors(self) -> float | None:
        """Return their number; None if the kernel does not tell, or one of ours has ended."""
        end = self._look()
        if self._start is None or end is None:
            return None
        elapsed, busy, own = (now - then for now, then in zip(end, self._start, strict=True))
        return max(0.0, (busy - own) / elapsed)

    def _look(self) -> tuple[float, float, float] | None:
        """Return the time now, that used by all processes, and by our own, in seconds."""
        try:
            busy = _busy_ticks(self._proc / 'stat')
            own = sum(_own_ticks(self._proc / str(pid) / 'stat') for pid in self._pids)
        except (OSError, ValueError, IndexError):
            return None
        tick_s = 1.0 / os.sysconf('SC_CLK_TCK')
        return time.perf_counter(), busy * tick_s, own * tick_s + time.process_time()


def _busy_ticks(file: Path) -> int:
    """Return the ticks that the processors of this process were busy."""
    names = {f'cpu{number}' for number in os.sched_getaffinity(0)}
    lines = [line.split() for line in file.read_text().splitlines()]
    return sum(int(words[1 + i]) for words in lines if words[:1] and words[0] in names
               for i in _BUSY)  # fmt: skip


def _own_ticks(file: Path) -> int:
    # The name before these may hold spaces and parentheses.
    words = file.read_text().rpartition(')')[2].split()
    return int(words[11]) + int(words[12])
