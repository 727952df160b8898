"""Energy from the platform's own meters: Intel and AMD packages (RAPL), Jetson boards (INA3221).

Both measure a whole package or module, with its idle power and all processes on it.
"""

from __future__ import annotations

import errno
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

_POWERCAP = Path('/sys/class/powercap')
_INA3221 = Path('/sys/bus/i2c/drivers/ina3221')
_POWER_SAMPLE_S = 0.02
# The counters of a busy server wrap around within minutes, those of a laptop within hours.
_COUNTER_SAMPLE_S = 10.0
# Rails that feed everything on the module; if there is none of them, all rails are added up.
_WHOLE_MODULE = ('VDD_IN', 'VIN', 'POM_5V_IN')
# Fed by VIN_SYS_5V0 on Jetson AGX Orin, or not connected.
_COUNTED_ELSEWHERE = ('VDDQ_VDD2_1V8AO', 'NC')


class Meter(ABC):
    """Measures energy between two calls; a thread of its own reads the meter in between.

    :param sample_s: seconds between readings.
    """

    name: str

    def __init__(self, sample_s: float) -> None:
        self._sample_s = sample_s
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._joules = 0.0
        # Why the energy since `start` is not known; None while it is.
        self.reason: str | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._joules, self.reason = 0.0, None
        self._done.clear()
        self._guard(self._begin)
        self._thread = threading.Thread(target=self._guard, args=(self._sample,), daemon=True)
        self._thread.start()

    def stop(self) -> float | None:
        """Return the joules since `start`; None if not all could be read, see `reason`."""
        assert self._thread is not None
        self._done.set()
        self._thread.join()
        return self._joules if self.reason is None else None

    @abstractmethod
    def _begin(self) -> None:
        """Take the first reading."""

    @abstractmethod
    def _advance(self) -> float:
        """Return the joules since the last reading."""

    def _sample(self) -> None:
        ended = self.reason is not None
        while not ended:
            ended = self._done.wait(self._sample_s)
            self._joules += self._advance()

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (OSError, ValueError) as error:
            self.reason = _why(error)


def find_meter(powercap: Path = _POWERCAP, ina3221: Path = _INA3221) -> tuple[Meter | None, str]:
    """Return this platform's meter, and its name or why there is none."""
    try:
        rails = _rails(ina3221)
        if rails:
            return InaMeter(rails), InaMeter.name
        packages = _packages(powercap)
        if packages:
            return RaplMeter(packages), RaplMeter.name
    except (OSError, ValueError) as error:
        return None, _why(error)
    return None, 'no energy counter on this machine (RAPL or INA3221)'


class RaplMeter(Meter):
    """Energy counters of processor packages, in microjoules, that wrap around.

    :param packages: their folders.
    :raises OSError: if a counter cannot be read; Linux reserves them for root.
    """

    name = 'RAPL, processor packages'

    def __init__(self, packages: Sequence[Path], sample_s: float = _COUNTER_SAMPLE_S) -> None:
        super().__init__(sample_s)
        self._counters = [p / 'energy_uj' for p in packages]
        self._ranges = [_number(p / 'max_energy_range_uj') for p in packages]
        self._before = self._read()

    def _begin(self) -> None:
        self._before = self._read()

    def _advance(self) -> float:
        now, total = self._read(), 0
        for before, after, full in zip(self._before, now, self._ranges, strict=True):
            total += after - before if after >= before else after - before + full
        self._before = now
        return total * 1e-6

    def _read(self) -> list[int]:
        return [_number(counter) for counter in self._counters]


class InaMeter(Meter):
    """Power monitors of a Jetson, sampled and added up.

    :param rails: the files with millivolts and milliamperes of each rail.
    """

    name = 'INA3221, Jetson module'

    def __init__(self, rails: Sequence[tuple[Path, Path]]) -> None:
        super().__init__(_POWER_SAMPLE_S)
        self._rails = rails
        self._then, self._power = 0.0, 0.0

    def watts(self) -> float:
        """Return the power now."""
        return sum(_number(volts) * _number(amperes) * 1e-6 for volts, amperes in self._rails)

    def _begin(self) -> None:
        self._then, self._power = time.perf_counter(), self.watts()

    def _advance(self) -> float:
        then, power = self._then, self._power
        self._begin()
        return (self._then - then) * (power + self._power) / 2


def _packages(powercap: Path) -> list[Path]:
    """Return the zones of processor packages.

    The zones of cores and memory are part of their package, and the zone of the platform (`psys`)
    contains the packages.
    """
    zones = sorted(powercap.glob('intel-rapl:*'))
    return [z for z in zones if (z / 'name').read_text().startswith('package')]


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
    text = file.read_text()
    try:
        return int(text)
    except ValueError:
        raise ValueError(f'{file} must hold a number, got {text!r}') from None


def _why(error: OSError | ValueError) -> str:
    if not isinstance(error, OSError):
        return str(error)
    cure = ': run as root, or let your user read it' if error.errno == errno.EACCES else ''
    return f'{error.filename or "the meter"} cannot be read ({error.strerror}){cure}'
