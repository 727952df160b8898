from __future__ import annotations

import pytest

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.ros.environment import discovery_range, ros_environment

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


def test_a_domain_of_ones_own_is_nobody_elses(monkeypatch):
    monkeypatch.delenv('ROS_DOMAIN_ID', raising=False)
    with ros_environment() as one, ros_environment() as other:
        assert one['ROS_DOMAIN_ID'] != other['ROS_DOMAIN_ID']
        assert one[NAME] == 'LOCALHOST' and 'FASTDDS_DEFAULT_PROFILES_FILE' in one


def test_the_domain_that_the_user_set_stays(monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', '7')
    with ros_environment() as environment:
        assert environment['ROS_DOMAIN_ID'] == '7'
