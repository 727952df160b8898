"""Traps of lifecycle managers and Collision Monitors."""

import pytest
from parameter_files import MANAGED, Trap, assert_all_have_a_trap, assert_found, check, own

from espnet_ros.nav2.server_checks import CHECKS

TRAPS = [
    Trap('managed', 'bond_timeout: 0.0', 'bond_timeout: 4.0  # HERE', 'bond', 'waits for a bond'),
    Trap('managed', '    bond_timeout: 0.0\n', '', 'bond', '4.0 by default', at='node_names'),
    Trap(
        'managed',
        'autostart: false',
        'autostart: true',
        'starts_twice',
        'starts itself',
        'warning',
        at='node_names',
    ),
    Trap(
        'managed',
        '    autostart: false\n',
        '',
        'starts_twice',
        'by default',
        'warning',
        at='node_names',
    ),
    Trap(
        'managed',
        'bond_timeout: 0.0',
        'bond_timeout: 0  # HERE',
        'wrong_type',
        'bond_timeout is 0, not a number with a decimal point',
    ),
    Trap(
        'managed',
        'min_height: -0.3',
        'min_height: -1  # HERE',
        'wrong_type',
        'min_height is -1',
    ),
    Trap(
        'managed',
        'points/clear',
        'points/clear\n      min_height: -0.3  # HERE',
        'ground_stops',
        'points of the free ground count as obstacles',
        cure='min_height: 0.05,',
    ),
    Trap(
        'managed',
        'lifecycle_manager',
        own('{projection: {source: depth}}') + 'lifecycle_manager',
        'ground_stops',
        '0.05 by default',
        at='# WATCH',
        cure='min_height: 0.2,',
    ),
    Trap(
        'managed',
        'min_height: -0.3',
        'min_height: 0.1  # HERE',
        'ground_is_dropped',
        'min_height is 0.1: the points lie on the ground and are dropped',
        'warning',
    ),
    Trap(
        'managed',
        '      min_height: -0.3\n',
        '',
        'ground_is_dropped',
        '0.05 by default',
        'warning',
        at='# SOURCE',
        cure='min_height: -0.3 to stop for obstacles, or, to watch for silence alone, topic: '
        '/segmentation/points/clear',
    ),
]


@pytest.mark.parametrize('trap', TRAPS, ids=lambda t: f'{t.check}-{t.says[:30]}')
def test_a_trap_is_found_where_it_is(trap, tmp_path):
    assert_found(trap, tmp_path)


def test_every_check_has_a_trap():
    assert_all_have_a_trap(CHECKS, TRAPS)


def test_a_managed_node_may_have_its_parameters_somewhere_else(tmp_path):
    start, end = MANAGED.index('/**/segmentation:'), MANAGED.index('collision_monitor:')
    assert 'autostart' in MANAGED[start:end]
    assert check(tmp_path, MANAGED[:start] + MANAGED[end:]) == ()
