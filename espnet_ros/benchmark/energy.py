"""Energy from what the platform measures: Intel and AMD packages (RAPL), Jetson boards (INA3221).

Both measure a whole package or module, idle power included, whoever causes it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

_POWERCAP = Path('/sys/class/powercap')
_INA3221 = Path('/sys/bus/i2c/drivers/ina3221')
_SAMPLE_S = 0.02
# Rails that feed everything on the module; where there is none of them, the rails are added up.
_WHOLE_MODULE = ('VDD_IN', 'VIN', 'POM_5V_IN')
# Fed by VIN_SYS_5V0 on Jetson AGX Orin, or not connected.
_COUNTED_ELSEWHERE = ('VDDQ_VDD2_1V8AO', 'NC')


class Meter(Protocol):
    """Measures energy between two calls."""

    name: str

    def start(self) -> None:
        """Begin to measure."""

    def stop(self) -> float:
        """Return the joules since `start`."""


def find_meter(powercap: Path = _POWERCAP, ina3221: Path = _INA3221) -> tuple[Meter | None, str]:
    """Return this platform's meter, and its name or why there is none."""
    rails = _rails(ina3221)
    if rails:
        return InaMeter(rails), InaMeter.name
    # Packages only: their names have one colon, those of cores and memory inside them two.
    packages = sorted(p for p in powercap.glob('intel-rapl:*') if p.name.count(':') == 1)
    if not packages:
        return None, 'no energy counter on this machine (RAPL or INA3221)'
    try:
        meter = RaplMeter(packages)
    except OSError as error:
        return None, (
            f'{packages[0]}/energy_uj can not be read ({error.strerror}): run as root, or let '
            'your user read it'
        )
    return meter, RaplMeter.name


class RaplMeter:
    """Energy counters of processor packages, in microjoules, that wrap around.

    :param packages: their folders.
    :raises OSError: if a counter can not be read; Linux keeps them for root.
    """

    name = 'RAPL, processor packages'

    def __init__(self, packages: Sequence[Path]) -> None:
        self._counters = [p / 'energy_uj' for p in packages]
        self._ranges = [_number(p / 'max_energy_range_uj') for p in packages]
        self._before = self._read()

    def start(self) -> None:
        """Begin to measure."""
        self._before = self._read()

    def stop(self) -> float:
        """Return the joules since `start`, which must be under a full turn of the counter ago."""
        total = 0.0
        for before, after, full in zip(self._before, self._read(), self._ranges, strict=True):
            total += after - before if after >= before else after - before + full
        return total * 1e-6

    def _read(self) -> list[int]:
        return [_number(counter) for counter in self._counters]


class InaMeter:
    """Power monitors of a Jetson, sampled and added up.

    :param rails: the files with millivolts and milliamperes of each rail.
    """

    name = 'INA3221, Jetson module'

    def __init__(self, rails: Sequence[tuple[Path, Path]]) -> None:
        self._rails = rails
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._joules = 0.0

    def watts(self) -> float:
        """Return the power now."""
        return sum(_number(volts) * _number(amperes) * 1e-6 for volts, amperes in self._rails)

    def start(self) -> None:
        """Begin to sample."""
        self._joules = 0.0
        self._done.clear()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Return the joules since `start`."""
        assert self._thread is not None
        self._done.set()
        self._thread.join()
        return self._joules

    def _sample(self) -> None:
        then, power = time.perf_counter(), self.watts()
        ended = False
        while not ended:
            ended = self._done.wait(_SAMPLE_S)
            now, next_power = time.perf_counter(), self.watts()
            self._joules += (now - then) * (power + next_power) / 2
            then, power = now, next_power


def _rails(driver: Path) -> list[tuple[Path, Path]]:
    found = {}
    for label in sorted(driver.glob('*/hwmon/hwmon*/in*_label')):
        number = label.name[len('in') : -len('_label')]
        files = (label.with_name(f'in{number}_input'), label.with_name(f'curr{number}_input'))
        # The fourth to seventh channels are sums and shunt voltages, without a current.
        if all(file.is_file() for file in files):
            found[label.read_text().strip()] = files
    whole = [found[name] for name in _WHOLE_MODULE if name in found]
    if whole:
        return whole[:1]
    return [files for name, files in found.items() if name not in _COUNTED_ELSEWHERE]


def _number(file: Path) -> int:
    return int(file.read_text())
