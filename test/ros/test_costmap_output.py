"""When costmaps go out, on a clock that the test turns."""

from functools import partial
from types import SimpleNamespace

import pytest

from espnet_ros.core.config import GridConfig, NodeConfig
from espnet_ros.ros import costmap_output, log
from espnet_ros.ros.costmap_monitor import CostmapMonitor


class Rig:
    """An output at 5 Hz whose grids are kept as (seconds, map) in `sent`."""

    def __init__(self, monkeypatch):
        self.now_s = 10.0
        self.sent = []
        grids = SimpleNamespace(publish=lambda cost_map, _: self.sent.append(self._told(cost_map)))
        clock = SimpleNamespace(monotonic=lambda: self.now_s, perf_counter=lambda: self.now_s)
        monkeypatch.setattr(costmap_output, 'GridPublishers', lambda *_: grids)
        for module in (costmap_output, log):
            monkeypatch.setattr(module, 'time', clock)
        config = NodeConfig(grid=GridConfig(publish_rate=5.0))
        layers = SimpleNamespace(layers=())
        mapper = SimpleNamespace(
            layers=layers, render=lambda fill: SimpleNamespace(spec=None, fill=fill)
        )
        self.log = []
        self.sent_when_logged = []
        told = SimpleNamespace(to_msg=lambda: None)
        node = SimpleNamespace(
            get_logger=lambda: SimpleNamespace(
                **{level: partial(self._log, level) for level in ('info', 'warning', 'error')}
            ),
            get_clock=lambda: SimpleNamespace(now=lambda: told),
        )
        poses = SimpleNamespace(latest=lambda: None)
        self.output = costmap_output.CostmapOutput(node, lambda: config, mapper, poses)
        self.monitor = CostmapMonitor()
        self.output.start(self.monitor)

    def _log(self, level, text):
        self.log.append((round(self.now_s - 10.0, 2), level, text))
        self.sent_when_logged.append(len(self.sent))

    def _told(self, cost_map):
        return round(self.now_s - 10.0, 2), cost_map

    def mask(self, at_s):
        self.now_s = 10.0 + at_s
        self.output.put(f'of {at_s}', None)
        self.output.publish_newest()

    def stale(self, at_s):
        self.now_s = 10.0 + at_s
        self.output.publish_stale('no image')

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
    stopped = 'costmaps stopped, left stale (lethal): the node is not active'
    assert rig.log == [(0.0, 'info', stopped)]


def test_what_stops_a_robot_goes_out_before_anybody_is_told(rig):
    rig.monitor.update({})
    rig.mask(0.0)
    rig.stale(0.6)
    rig.mask(1.0)
    rig.output.stop('the node is not active')
    assert [text.split(' (')[0] for _, _, text in rig.log] == [
        'costmaps are stale', 'costmaps are fresh again', 'costmaps stopped, left stale',
    ]  # fmt: skip
    assert rig.sent_when_logged == [2, 3, 4]


STALE = 'costmaps are stale (lethal): no image'
FRESH = 'costmaps are fresh again'


def test_a_camera_that_is_always_late_is_logged_now_and_then(rig):
    rig.monitor.update({})
    for at_s in range(17):
        rig.mask(at_s)
        rig.stale(at_s + 0.6)
    # 5 s after the first, 10 s after the second.
    assert [(at_s, text) for at_s, _, text in rig.log] == [
        (0.6, STALE), (1.0, FRESH), (5.6, STALE), (6.0, FRESH), (15.6, STALE), (16.0, FRESH),
    ]  # fmt: skip
    # The maps themselves go out each time.
    assert len(rig.sent) == 34


def test_an_end_soon_after_another_is_logged_late_but_logged(rig):
    rig.monitor.update({})
    rig.mask(0.0)
    rig.stale(0.6)
    rig.mask(1.0)
    for tick in range(16, 100):
        rig.stale(tick / 10)
    assert rig.log == [(0.6, 'error', STALE), (1.0, 'info', FRESH), (5.6, 'error', STALE)]
