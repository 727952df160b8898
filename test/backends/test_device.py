from __future__ import annotations

import pytest

from espnet_ros.backends.device import Device
from espnet_ros.core.errors import BackendUnavailableError


@pytest.mark.parametrize(
    ('name', 'expected'),
    [
        ('auto', Device('auto', 0)),
        ('cpu', Device('cpu', 0)),
        ('cuda', Device('cuda', 0)),
        ('cuda:3', Device('cuda', 3)),
        ('cuda:12', Device('cuda', 12)),
    ],
)
def test_a_device_is_read_from_its_name(name: str, expected: Device):
    assert Device.parse(name) == expected


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ('gpu', "must be auto, cpu, cuda or cuda:N, got 'gpu'"),
        ('cuda:', "got 'cuda:'"),
        ('cpu:0', "got 'cpu:0'"),
        ('cuda:-1', "got 'cuda:-1'"),
        ('cuda:100', "an N of one or two digits, got 'cuda:100'"),
    ],
)
def test_what_is_no_device_is_refused(name: str, words: str):
    with pytest.raises(BackendUnavailableError, match=words):
        Device.parse(name)
