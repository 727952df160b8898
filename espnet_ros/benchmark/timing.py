"""Run a pipeline at full speed or at a fixed input rate, and summarise the times."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Clock = Callable[[], float]
# Processes image i and returns the milliseconds of each stage.
Step = Callable[[int], Mapping[str, float]]

# Copies one image to the device; returns whether that is a step of its own.
Upload = Callable[[], bool]

END_TO_END = 'end_to_end'
UPLOAD = 'host_to_device'
# This many give a median that a single slow one does not change.
_UPLOADS = 20


@dataclass(frozen=True)
class Pace:
    """What became of images that came at a fixed rate.

    :param arrived: how many came, and were followed by the next one.
    :param done: how many of them were processed; the others were replaced by a newer one.
    :param seconds: from the first arrival until the last one's period and its processing ended, so
        that ``done / seconds`` is the speed, at most the rate.
    """

    arrived: int
    done: int
    seconds: float

    @property
    def missed(self) -> int:
        """Return how many were never processed."""
        return self.arrived - self.done


def full_speed(
    step: Step, seconds: float, clock: Clock = time.perf_counter
) -> dict[str, list[float]]:
    """Process one image after the other, at least one, until the time is up.

    :return: milliseconds of each image by stage, and under `END_TO_END` from before the first
        stage to after the last.
    """
    times: dict[str, list[float]] = {}
    start, index = clock(), 0
    while True:
        before = clock()
        stages = step(index)
        after = clock()
        for stage, value in {**stages, END_TO_END: (after - before) * 1e3}.items():
            times.setdefault(stage, []).append(float(value))
        index += 1
        if after - start >= seconds:
            return times


def paced(
    step: Step,
    count: int,
    rate_hz: float,
    clock: Clock = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> Pace:
    """Process images as the node does: always the newest, never one twice.

    :param count: the periods of 1 / rate_hz seconds for which images are taken up; more arrive
        while the last of them is processed. Image i arrives i periods after the start.
    """
    start, last, done = clock(), -1, 0
    while last < count - 1:
        elapsed = clock() - start
        newest = _periods(elapsed, rate_hz)
        if newest == last:
            sleep(max(0.0, (last + 1) / rate_hz - elapsed))
            continue
        if newest >= count:
            break
        step(newest)
        last, done = newest, done + 1
    seconds = max(clock() - start, count / rate_hz)
    return Pace(_periods(seconds, rate_hz), done, seconds)


def _periods(seconds: float, rate_hz: float) -> int:
    # The small term is for times that are a rounding error short of an arrival.
    return int(seconds * rate_hz + 1e-6)


def uploads_ms(upload: Upload, clock: Clock = time.perf_counter) -> list[float]:
    """Return the milliseconds of some uploads, none if uploading is no step of its own."""
    times_ms = []
    for _ in range(_UPLOADS):
        start = clock()
        if not upload():
            return []
        times_ms.append((clock() - start) * 1e3)
    return times_ms
