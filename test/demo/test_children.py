from __future__ import annotations

import pytest

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.demo.children import discovery_range

NAME = 'ROS_AUTOMATIC_DISCOVERY_RANGE'


@pytest.mark.parametrize(
    ('given', 'found'),
    [('', 'LOCALHOST'), ('LOCALHOST', 'LOCALHOST'), ('SUBNET', 'SUBNET'), (None, 'LOCALHOST')],
)
def test_what_is_not_asked_for_stays_on_this_machine(given, found, monkeypatch):
    monkeypatch.delenv(NAME, raising=False)
    if given is not None:
        monkeypatch.setenv(NAME, given)
    assert discovery_range() == found


def test_no_discovery_at_all_is_refused_with_what_to_set(monkeypatch):
    monkeypatch.setenv(NAME, 'OFF')
    with pytest.raises(EspnetRosError, match=f'{NAME} is OFF: unset it or set it to LOCALHOST'):
        discovery_range()
