"""What this machine's processor can do; libraries and devices are in the backends' tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from espnet_ros.backends import machine


@pytest.mark.parametrize(
    ('text', 'bf16', 'int8'),
    [
        ('model name : x\nflags\t\t: fpu avx512f avx512_bf16 sse\n', True, False),
        ('flags\t\t: fpu amx_bf16 avx512_vnni\n', True, True),
        ('flags\t\t: fpu avx2 avx_vnni\n', False, True),
        # ARM names them otherwise, and OpenVINO's int8 was not tried there.
        ('processor : 0\nFeatures\t: fp asimd bf16 i8mm\n', True, False),
        # Another instruction that has the letters in its name, and another line.
        ('flags\t\t: avx_vnni_int8\nmodel name\t: a bf16 machine\n', False, False),
        ('', False, False),
    ],
)
def test_arithmetic_is_read_from_the_flags(
    text: str, bf16: bool, int8: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / 'cpuinfo').write_text(text)
    monkeypatch.setattr(machine, '_CPUINFO', tmp_path / 'cpuinfo')
    assert machine.multiplies_bf16() is bf16
    assert machine.adds_int8_products() is int8


def test_a_machine_without_such_a_file_can_do_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(machine, '_CPUINFO', tmp_path / 'missing')
    assert not machine.multiplies_bf16() and not machine.adds_int8_products()
