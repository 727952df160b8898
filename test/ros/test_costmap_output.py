"""When cost maps go out, on a clock that the test turns."""

from functools import partial
from types import SimpleNamespace

import pytest

from espnet_ros.core.config import GridConfig, NodeConfig
from espnet_ros.ros import costmap_output
from espnet_ros.ros.costmap_monitor import CostmapMonitor


class Rig:
    """An output at 5 Hz whose grids are kept as (seconds, map) in `sent`."""

    def __init__(self, monkeypatch):
        self.now_s = 10.0
        self.sent = []
        grids = SimpleNamespace(publish=lambda cost_map, _: self.sent.append(self._told(cost_map)))
        clock = SimpleNamespace(monotonic=lambda: self.now_s, perf_counter=lambda: self.now_s)
        monkeypatch.setattr(costmap_output, 'GridPublishers', lambda *_: grids)
        monkeypatch.setattr(costmap_output, 'time', clock)
        config = NodeConfig(grid=GridConfig(publish_rate=5.0))
        layers = SimpleNamespace(layers=())
        mapper = SimpleNamespace(
            layers=layers, render=lambda fill: SimpleNamespace(spec=None, fill=fill)
        )
        self.log = {}
        told = SimpleNamespace(to_msg=lambda: None)
        node = SimpleNamespace(
            get_logger=lambda: SimpleNamespace(
                **{level: partial(self.log.__setitem__, level) for level in ('info', 'error')}
            ),
            get_clock=lambda: SimpleNamespace(now=lambda: told),
        )
        poses = SimpleNamespace(latest=lambda: None)
        self.output = costmap_output.CostmapOutput(node, lambda: config, mapper, poses)
        self.output.start(CostmapMonitor())

    def _told(self, cost_map):
        return round(self.now_s - 10.0, 2), cost_map

    def mask(self, at_s):
        self.now_s = 10.0 + at_s
        self.output.put(f'of {at_s}', None)
        self.output.publish_newest()

    def tick(self, at_s):
        self.now_s = 10.0 + at_s
        self.output.publish_left()


@pytest.fixture
def rig(monkeypatch):
    return Rig(monkeypatch)


def test_a_tick_between_two_masks_leaves_the_turn_to_the_newer(rig):
    for at_s in range(6):
        rig.mask(at_s / 10)
        rig.tick(at_s / 10 + 0.08)
    assert rig.sent == [(0.0, 'of 0.0'), (0.2, 'of 0.2'), (0.4, 'of 0.4')]


def test_the_last_mask_of_a_camera_that_stops_goes_out(rig):
    rig.mask(0.0)
    rig.mask(0.1)
    rig.tick(0.25)
    assert rig.sent == [(0.0, 'of 0.0')]
    rig.tick(0.31)
    rig.tick(0.6)
    assert rig.sent == [(0.0, 'of 0.0'), (0.31, 'of 0.1')]


def test_the_map_left_behind_is_no_error(rig):
    rig.mask(0.0)
    rig.output.stop('the node is not active')
    assert rig.sent[-1][1].fill == costmap_output.FILL['lethal']
    assert rig.log == {'info': 'cost maps end as stale (lethal): the node is not active'}
