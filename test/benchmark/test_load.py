from __future__ import annotations

from pathlib import Path

import pytest

from espnet_ros.benchmark import load
from espnet_ros.benchmark.load import OthersLoad


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a clock to set, with a quarter of its time for this process; ticks are of 10 ms."""
    times = [100.0]
    monkeypatch.setattr(load.time, 'perf_counter', lambda: times[0])
    monkeypatch.setattr(load.time, 'process_time', lambda: 0.25 * times[0])
    monkeypatch.setattr(load.os, 'sched_getaffinity', lambda pid: {0, 2})
    monkeypatch.setattr(load.os, 'sysconf', lambda name: 100)
    return times


def write(proc: Path, user: int, own_ticks: int) -> None:
    # user nice system idle iowait irq softirq steal guest guest_nice
    proc.joinpath('stat').write_text(
        'cpu  9 9 9 9 9 9 9 9 9 9\n'
        f'cpu0 {user} 10 20 5000 700 3 2 5 900 0\n'
        'cpu1 77777 0 0 0 0 0 0 0 0 0\n'
        'cpu2 100 0 0 5000 0 0 0 0 0 0\n'
        'intr 5\n'
    )
    folder = proc / '42'
    folder.mkdir(exist_ok=True)
    # What is before the times: state, ids, flags and faults.
    folder.joinpath('stat').write_text(
        f'42 (a (b) c) S 1 42 42 0 -1 0 0 0 0 0 {own_ticks} 30 0 0\n'
    )


def test_what_is_neither_ours_nor_idle_is_that_of_others(tmp_path: Path, clock: list[float]):
    write(tmp_path, 1000, 500)
    others = OthersLoad([42], tmp_path)
    # In 4 s: 7 s busy, 2 s in the worker and 1 s here.
    clock[0] = 104.0
    write(tmp_path, 1700, 700)
    assert others.processors() == pytest.approx(1.0)


def test_a_worker_that_ended_or_a_kernel_that_does_not_tell_is_none(
    tmp_path: Path, clock: list[float]
):
    write(tmp_path, 1000, 500)
    others = OthersLoad([42], tmp_path)
    clock[0] = 101.0
    (tmp_path / '42' / 'stat').unlink()
    assert others.processors() is None
    assert OthersLoad([], tmp_path / 'none').processors() is None


def test_rounding_to_ticks_is_no_negative_load(tmp_path: Path, clock: list[float]):
    write(tmp_path, 1000, 500)
    others = OthersLoad([42], tmp_path)
    clock[0] = 101.0
    write(tmp_path, 1000, 501)
    assert others.processors() == 0.0


def test_this_machine_tells(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.undo()
    others = OthersLoad([load.os.getpid()])
    found = others.processors()
    assert found is None or found >= 0.0
