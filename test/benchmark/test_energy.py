from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from espnet_ros.benchmark.energy import InaMeter, RaplMeter, find_meter


def write_package(
    folder: Path, energy_uj: int, full_uj: int = 1_000_000, name: str = 'package-0'
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'name').write_text(f'{name}\n')
    (folder / 'energy_uj').write_text(f'{energy_uj}\n')
    (folder / 'max_energy_range_uj').write_text(f'{full_uj}\n')
    return folder


def write_rails(driver: Path, **rails: tuple[int, int]) -> None:
    folder = driver / '1-0040' / 'hwmon' / 'hwmon3'
    folder.mkdir(parents=True)
    for number, (label, (millivolts, milliamperes)) in enumerate(rails.items(), 1):
        (folder / f'in{number}_label').write_text(f'{label}\n')
        (folder / f'in{number}_input').write_text(f'{millivolts}\n')
        (folder / f'curr{number}_input').write_text(f'{milliamperes}\n')
    # The sum of shunt voltages has a label, but no current.
    (folder / 'in7_label').write_text('sum of shunt voltages\n')
    (folder / 'in7_input').write_text('3\n')


def test_rapl_adds_packages_and_survives_a_turn_of_the_counter(tmp_path: Path):
    write_package(tmp_path / 'intel-rapl:0', 900_000)
    write_package(tmp_path / 'intel-rapl:1', 100_000)
    write_package(tmp_path / 'intel-rapl:0:0', 0, name='core')
    write_package(tmp_path / 'intel-rapl:2', 0, name='psys')
    meter, name = find_meter(tmp_path, tmp_path / 'none')
    assert isinstance(meter, RaplMeter)
    assert name == 'RAPL, processor packages'
    meter.start()
    write_package(tmp_path / 'intel-rapl:0', 50_000)  # 100 000 to the turn and 50 000 beyond
    write_package(tmp_path / 'intel-rapl:1', 350_000)
    write_package(tmp_path / 'intel-rapl:0:0', 77_000, name='core')  # a part of package 0
    write_package(tmp_path / 'intel-rapl:2', 990_000, name='psys')  # all of it, and more
    assert meter.stop() == pytest.approx(0.15 + 0.25)


def test_counters_that_turn_several_times_are_looked_at_in_between(tmp_path: Path):
    package = write_package(tmp_path / 'intel-rapl:0', 0)
    meter = RaplMeter([package], sample_s=3600.0)
    meter.start()
    # As the thread does, which is sure to be done with its own wait only at the end.
    for energy_uj in (700_000, 300_000, 900_000):
        (package / 'energy_uj').write_text(str(energy_uj))
        meter._joules += meter._advance()
    assert meter.stop() == pytest.approx(0.7 + 0.6 + 0.6)


def test_the_thread_looks_in_between(tmp_path: Path):
    looks = threading.Semaphore(0)

    class Counted(RaplMeter):
        def _advance(self) -> float:
            looks.release()
            return super()._advance()

    meter = Counted([write_package(tmp_path / 'intel-rapl:0', 0)], sample_s=0.001)
    meter.start()
    assert all(looks.acquire(timeout=30.0) for _ in range(3))
    assert meter.stop() == 0.0


def test_counters_that_only_root_reads_are_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    package = write_package(tmp_path / 'intel-rapl:0', 1)
    read = Path.read_text

    def refuse(self: Path) -> str:
        if self.name == 'energy_uj':
            raise PermissionError(13, 'Permission denied', str(self))
        return read(self)

    monkeypatch.setattr(Path, 'read_text', refuse)
    meter, reason = find_meter(tmp_path, tmp_path / 'none')
    assert meter is None
    assert reason == (
        f'{package}/energy_uj cannot be read (Permission denied): run as root, or let your user '
        'read it'
    )


def test_the_file_that_is_missing_is_the_one_that_is_named(tmp_path: Path):
    (write_package(tmp_path / 'intel-rapl:0', 1) / 'max_energy_range_uj').unlink()
    meter, reason = find_meter(tmp_path, tmp_path / 'none')
    assert meter is None
    assert 'max_energy_range_uj cannot be read (No such file or directory)' in reason
    assert 'run as root' not in reason


def test_no_counter_is_a_reason(tmp_path: Path):
    assert find_meter(tmp_path, tmp_path) == (
        None, 'no energy counter on this machine (RAPL or INA3221)'
    )  # fmt: skip


def test_a_jetson_is_measured_where_its_power_comes_in(tmp_path: Path):
    write_rails(tmp_path, VDD_IN=(5000, 2000), VDD_CPU_GPU_CV=(5000, 700), VDD_SOC=(5000, 300))
    meter, name = find_meter(tmp_path / 'none', tmp_path)
    assert isinstance(meter, InaMeter)
    assert name == 'INA3221, Jetson module'
    assert meter.watts() == pytest.approx(10.0)
    outer = time.perf_counter()
    meter.start()
    inner = time.perf_counter()
    at_least_j = 10.0 * (time.perf_counter() - inner)
    joules = meter.stop()
    assert at_least_j <= joules <= 10.0 * (time.perf_counter() - outer)


@pytest.mark.parametrize('when', ['at once', 'in between', 'at the end'])
def test_a_failed_read_is_no_energy_and_a_reason(when: str, tmp_path: Path):
    write_rails(tmp_path, VDD_IN=(5000, 2000))
    meter = find_meter(tmp_path / 'none', tmp_path)[0]
    current = tmp_path / '1-0040' / 'hwmon' / 'hwmon3' / 'curr1_input'
    if when == 'at once':
        current.write_text('')
    meter.start()
    if when != 'at once':
        current.unlink()
    if when == 'in between':
        meter._thread.join(30.0)
    assert meter.stop() is None
    assert f'{current} ' in meter.reason
    # The next round may be better.
    current.write_text('2000\n')
    meter.start()
    assert meter.stop() is not None
    assert meter.reason is None


def test_without_one_inlet_the_rails_are_added_up_once(tmp_path: Path):
    write_rails(
        tmp_path,
        VDD_GPU_SOC=(20000, 500),
        VDD_CPU_CV=(20000, 250),
        VIN_SYS_5V0=(5000, 1000),
        VDDQ_VDD2_1V8AO=(5000, 400),
        NC=(5000, 9),
    )
    meter, _ = find_meter(tmp_path / 'none', tmp_path)
    assert isinstance(meter, InaMeter)
    assert meter.watts() == pytest.approx(10.0 + 5.0 + 5.0)
