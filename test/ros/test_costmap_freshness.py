"""Costmaps of cameras that die, hang and pause, on a clock that the test turns."""

from __future__ import annotations

import dataclasses
import queue
import re
import threading
from functools import partial
from types import SimpleNamespace

import pytest
from announcing_lock import DEADLINE_S, AnnouncingLock
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Header
from std_srvs.srv import Trigger

from espnet_ros.core.config import GridConfig, NodeConfig
from espnet_ros.core.errors import CameraInfoError, PoseError
from espnet_ros.ros import costmap, costmap_output, costmap_watch, log
from espnet_ros.ros.costmap import CostmapFeed

LETHAL = costmap_output.FILL['lethal']


class FakeMapper:
    """Its maps are the looks since they were cleared, `decayed` once time has passed."""

    def __init__(self, config, labels):
        self.layers = SimpleNamespace(layers=())
        self.cloud_makers = dict.fromkeys(config.camera_names)
        self.looks, self.x_m = [], 0
        self.on_render = lambda: None

    def add(self, look):
        self.looks.append(look)
        return ''

    def render(self, fill=None):
        content = ' '.join(self.looks) if fill is None else fill
        self.on_render()
        return SimpleNamespace(spec=self.x_m, content=content)

    def elapse(self, seconds):
        if seconds:
            self.looks = ['decayed']

    def problems(self):
        return {}

    figures = problems

    def recentre(self, pose):
        self.x_m = pose

    def clear(self):
        self.looks = []


class FakeTimer:
    def __init__(self, node, period_s, callback):
        self.timer_period_ns, self.tick = round(period_s * 1e9), callback
        self.resets = 0

    def reset(self):
        self.resets += 1


class Rig:
    """Costmaps whose masks come into the grid at once; grids are kept as (seconds, content)."""

    def __init__(self, monkeypatch, cameras=(), now_s=1000.0, **grid):
        self.start_s = self.now_s = now_s
        self.came_s = {}
        self.config = NodeConfig(cameras=cameras, grid=GridConfig(**grid))
        self.sent, self.log = [], []
        self.pose_m = 0
        self.looked_with = []
        # Why no look is made of a camera's masks.
        self.faults = {}
        self.on_silence = lambda: None
        self.on_log = lambda text: None
        self.clouds = SimpleNamespace(publish=lambda *_: None, problem=lambda: '', destroy=int)
        told = SimpleNamespace(
            **{level: partial(self._log, level) for level in ('info', 'warning', 'error')}
        )
        now = SimpleNamespace(to_msg=lambda: None, nanoseconds=0)
        node = SimpleNamespace(
            get_logger=lambda: told,
            get_clock=lambda: SimpleNamespace(now=lambda: now),
            create_service=lambda *_: None,
            destroy_timer=lambda _: None,
        )
        grids = SimpleNamespace(publish=lambda m, _: self.sent.append((self.at_s, m.content)))
        clock = SimpleNamespace(now_s=lambda: self.now_s, problem=lambda: '')
        steady = SimpleNamespace(monotonic=lambda: self.now_s, perf_counter=lambda: self.now_s)

        def make_worker(cameras, add):
            return SimpleNamespace(put=lambda *item: add([item]), stop=int)

        for module, name, fake in (
            (costmap, 'Mapper', FakeMapper),
            (costmap, 'CloudOutputs', lambda *_: self.clouds),
            (costmap, 'make_look', self._look),
            (costmap, 'Worker', make_worker),
            (costmap, 'steady_timer', FakeTimer),
            (costmap_output, 'GridPublishers', lambda *_: grids),
            (costmap_output, 'time', steady),
            (costmap, 'time', steady),
            (log, 'time', steady),
            (costmap_watch, 'AgeClock', lambda _: clock),
        ):
            monkeypatch.setattr(module, name, fake)
        poses = SimpleNamespace(
            latest=lambda: self.pose_m, name='fixed', problem=lambda: '', destroy=lambda: None,
            allow_waiting=lambda allowed: None,
        )  # fmt: skip
        self.costmap = CostmapFeed(node, lambda: self.config, None, poses, {}, self._silence)
        self.costmap.activate()
        self.mapper, self.timer = self.costmap._mapper, self.costmap._timer

    @property
    def at_s(self):
        return round(self.now_s - self.start_s, 2)

    @property
    def logged(self):
        return [text for _, _, text in self.log]

    def _look(self, camera, segmented, poses, depths, config, now_s):
        self.looked_with.append(config)
        if camera in self.faults:
            raise self.faults[camera]
        return segmented.look

    def _silence(self, camera):
        self.on_silence()
        age_s = self.now_s - self.came_s.get(camera, float('-inf'))
        return '' if age_s <= self.config.grid.stale_after else 'no image'

    def _log(self, level, text, **_):
        self.log.append((self.at_s, level, text))
        self.on_log(text)

    def set(self, **grid):
        self.config = dataclasses.replace(
            self.config, grid=dataclasses.replace(self.config.grid, **grid)
        )

    def mask(self, at_s, camera='', stamp_s=None):
        """Bring a mask, whose look is named by its time."""
        # Never twice the same time, as of a real clock.
        self.came_s[camera] = self.now_s = max(self.start_s + at_s, self.now_s + 1e-4)
        milliseconds = round(1000 * (500.0 + at_s if stamp_s is None else stamp_s))
        sec, rest = divmod(milliseconds, 1000)
        header = Header(stamp=Time(sec=sec, nanosec=rest * 1_000_000))
        self.costmap.put(camera, SimpleNamespace(header=header, look=f'{camera}{at_s:g}'))

    def tick(self, at_s):
        self.now_s = max(self.start_s + at_s, self.now_s + 1e-4)
        self.timer.tick()

    def reactivate(self, at_s):
        self.now_s = self.start_s + at_s
        self.costmap.deactivate()
        self.costmap.activate()

    def clear(self):
        return self.costmap._on_clear(Trigger.Request(), Trigger.Response())

    def status(self):
        return self.costmap.status('active')


@pytest.fixture
def make(monkeypatch):
    return partial(Rig, monkeypatch)


def most_in(sent, seconds):
    """Return how many maps went out within a window, at most."""
    times = [at_s for at_s, _ in sent]
    return max(sum(t <= u < t + seconds for u in times) for t in times)


def test_an_image_that_is_repeated_for_ever_keeps_nothing_fresh(make):
    rig = make()
    rig.mask(0.0, stamp_s=5.0)
    for at_s in (0.3, 0.6, 0.9, 1.2):
        rig.mask(at_s, stamp_s=5.0)
    rig.tick(1.2)
    assert rig.sent == [(0.0, '0'), (1.2, LETHAL)]
    level, message, values = rig.status()
    assert level == DiagnosticStatus.ERROR
    assert 'the stamp 5.000 s of the image is not after that of the last one' in message
    assert values['skipped_stamp'] == 4
    # It is back with its next image, and after a jump back, too.
    rig.mask(1.6, stamp_s=5.1)
    assert rig.sent[-1] == (1.6, '0 1.6')
    rig.mask(2.0, stamp_s=3.0)
    rig.tick(2.9)
    assert rig.sent[-1] == (2.0, '0 1.6 2')


def test_that_all_is_forgotten_is_told_after_the_new_map_went_out(make):
    rig = make()
    rig.mask(0.0)
    rig.mapper.add = lambda look: rig.mapper.clear() or rig.mapper.looks.append(look) or 'a jump'
    told = []
    rig.on_log = lambda text: told.append((text, rig.sent[-1]))
    rig.mask(1.0)
    assert told == [('costmaps cleared: a jump', (1.0, '1'))]


def test_a_mask_that_comes_while_somebody_asks_why_none_does_is_not_followed_by_a_stop(make):
    rig = make()
    rig.mask(0.0)
    rig.on_silence = lambda: rig.mask(1.3)
    rig.tick(1.2)
    assert rig.sent == [(0.0, '0'), (1.3, '0 1.3')]
    assert rig.logged == [] and rig.status()[2]['stale'] == 'false'


def test_images_without_stamps_count_as_they_come(make):
    rig = make()
    for at_s in range(4):
        rig.mask(0.6 * at_s, stamp_s=0.0)
    rig.tick(2.0)
    level, _, values = rig.status()
    assert (level, values['above_rate']) == (DiagnosticStatus.OK, 0)
    # But no more often than others.
    rig.mask(2.01, stamp_s=0.0)
    rig.mask(2.02, stamp_s=0.0)
    assert rig.status()[2]['above_rate'] == 1


@pytest.mark.parametrize('policy', ['decay', 'hold'])
def test_one_dead_camera_of_two_neither_doubles_the_rate_nor_flips_what_is_told(make, policy):
    rig = make(cameras=('front', 'left'), on_stale=policy)
    rig.mask(0.0, 'left')
    stale = []
    for step in range(120):
        rig.mask(step / 10 + 0.02, 'front')
        if step % 2:
            rig.tick(step / 10 + 0.05)
        if step >= 20:
            stale.append(rig.status()[2]['stale'])
    # 5 a second: 10 in 2 seconds, and one of a turn a little early.
    assert most_in(rig.sent, 2.0) <= 11
    assert most_in(rig.sent, 12.0) > 50
    assert set(stale) == {'true'}
    assert rig.logged == [f'costmaps are stale ({policy}): left: no image']
    rig.mask(12.0, 'left')
    rig.tick(12.4)
    assert rig.logged[1:] == ['costmaps are fresh again']
    assert rig.status()[2]['stale'] == 'false'


def test_a_map_that_stops_goes_out_at_once_and_uses_up_the_next_turn(make):
    rig = make(publish_rate=0.2)
    for step in range(300):
        # A camera slower than stale_after, whose maps are stale between any two images.
        if step % 12 == 0:
            rig.mask(step / 10)
        rig.tick(step / 10 + 0.05)
    at_s = [(at_s, content == LETHAL) for at_s, content in rig.sent]
    assert at_s[:2] == [(0.0, False), (1.05, True)]
    # A turn every 5 seconds.
    assert len(rig.sent) <= 30 / 5 + 1
    # The first of the images, every 1.2 s, at 10 s or later, and again two turns after that.
    assert [t for t, lethal in at_s if not lethal] == [0.0, 10.8, 21.6]


def test_a_lethal_map_follows_the_robot_at_the_rate(make):
    rig = make(publish_rate=1.0)
    for step in range(40):
        rig.pose_m = step
        rig.tick(2.0 + step / 10)
    assert {content for _, content in rig.sent} == {LETHAL}
    assert 4 <= len(rig.sent) <= 5


def test_what_is_left_behind_at_the_end_waits_for_no_turn(make):
    rig = make(publish_rate=0.2, on_stale='decay')
    rig.mask(0.0)
    rig.mask(0.1)
    rig.now_s += 0.1
    rig.costmap.deactivate()
    assert rig.sent == [(0.0, '0'), (0.2, '0 0.1')]
    rig = make(publish_rate=0.2)
    rig.tick(2.0)
    rig.pose_m = 3
    rig.tick(2.5)
    rig.now_s += 0.1
    rig.costmap.deactivate()
    assert rig.sent == [(2.0, LETHAL), (2.6, LETHAL)]


def test_a_dead_camera_is_found_at_a_low_rate_and_when_stale_after_changes(make):
    rig = make(publish_rate=0.2)
    assert rig.timer.timer_period_ns == 500_000_000
    rig.set(stale_after=0.4)
    rig.tick(0.5)
    assert (rig.timer.timer_period_ns, rig.timer.resets) == (200_000_000, 1)
    rig.tick(0.7)
    rig.set(stale_after=3600.0)
    rig.tick(0.9)
    # A shorter one is heeded within a second.
    assert (rig.timer.timer_period_ns, rig.timer.resets) == (1_000_000_000, 2)


def test_what_waits_for_configure_waits(make):
    rig = make(publish_rate=2.0, frame='odom')
    rig.set(publish_rate=30.0, frame='map')
    for step in range(20):
        rig.mask(step / 10)
        rig.tick(step / 10 + 0.05)
    assert len(rig.sent) == 4
    assert rig.status()[2]['frame'] == 'odom'
    assert {config.grid.frame for config in rig.looked_with} == {'odom'}
    assert rig.timer.timer_period_ns == 500_000_000


def test_clearing_takes_back_what_is_out_there_and_what_waits(make):
    rig = make()
    rig.mask(0.0)
    rig.mask(0.1)
    rig.now_s += 0.01
    assert rig.clear().success
    assert rig.sent == [(0.0, '0'), (0.11, '')]
    rig.tick(0.9)
    assert len(rig.sent) == 2
    # A fail-safe stays, whatever is known.
    rig.tick(1.2)
    rig.clear()
    assert rig.sent[2:] == [(1.2, LETHAL)]


@pytest.mark.parametrize('policy', ['decay', 'hold'])
def test_clearing_takes_back_what_an_activation_before_left_out_there(make, policy):
    rig = make(on_stale=policy)
    rig.mask(0.0)
    rig.reactivate(0.1)
    rig.now_s += 0.1
    before = len(rig.sent)
    assert rig.sent[-1][1] == '0'
    rig.clear()
    assert rig.sent[before:] == [(0.2, '')]


@pytest.mark.parametrize('policy', ['lethal', 'unknown'])
def test_a_fill_that_an_activation_before_left_out_there_is_not_cleared(make, policy):
    rig = make(on_stale=policy)
    rig.mask(0.0)
    rig.reactivate(0.1)
    rig.clear()
    filled = (0.1, costmap_output.FILL[policy])
    assert rig.sent == [(0.0, '0'), filled]
    # Nor is what is out there sent again, but where the robot has moved.
    rig.tick(1.3)
    assert rig.sent[1:] == [filled]
    rig.pose_m = 3
    rig.tick(1.6)
    assert rig.sent[2:] == [(1.6, filled[1])]


def test_nothing_is_cleared_before_there_is_a_map(make):
    rig = make()
    rig.clear()
    assert rig.sent == []


def test_a_map_made_while_somebody_clears_does_not_go_out_after_it(make):
    rig = make()
    rig.mask(0.0)
    said = queue.Queue()
    rig.costmap._adding = AnnouncingLock(said.put)

    def clear():
        rig.clear()
        said.put('cleared')

    clearing = threading.Thread(target=clear)

    def on_render():
        if not clearing.ident:
            clearing.start()
            # The map is made and not yet left to be sent.
            said.get(timeout=DEADLINE_S)

    rig.mapper.on_render = on_render
    rig.mask(0.3)
    clearing.join(DEADLINE_S)
    # It may go out before, or not at all.
    assert rig.sent[0] == (0.0, '0') and rig.sent[-1] == (0.3, '')


def test_a_pause_is_a_stale_map_that_is_no_error(make):
    rig = make()
    rig.mask(0.0)
    rig.config = dataclasses.replace(rig.config, enabled=False)
    rig.tick(1.2)
    paused = 'costmaps are stale (lethal): paused by ~/enable'
    assert rig.log == [(1.2, 'warning', paused)]
    assert rig.sent[-1] == (1.2, LETHAL)
    level, message, _ = rig.status()
    assert level == DiagnosticStatus.WARN
    assert re.fullmatch(
        r'stale \(lethal\), no fresh mask for 1\.\d s: paused by ~/enable', message
    )
    rig.tick(9.0)
    # The first image after a pause may take its time; a camera that has died is told then.
    rig.config = dataclasses.replace(rig.config, enabled=True)
    for step in range(91, 120):
        rig.tick(step / 10)
    error = 'costmaps are stale (lethal): no image'
    assert rig.log[1:] == [(10.1, 'error', error)]
    assert rig.status()[0] == DiagnosticStatus.ERROR
    rig.mask(12.0)
    assert rig.logged[2:] == ['costmaps are fresh again']


def test_simulated_time_that_begins_late_leaves_cameras_their_time(make):
    rig = make(now_s=-1e6)
    rig.tick(0.9)
    rig.tick(1.7e9)
    rig.tick(1.7e9 + 0.9)
    assert rig.sent == []
    rig.tick(1.7e9 + 1.1)
    assert [content for _, content in rig.sent] == [LETHAL]


def test_a_camera_may_die_before_simulated_time_begins(make):
    rig = make(now_s=-1e6, on_stale='decay')
    rig.mask(0.0)
    rig.tick(1.2)
    assert [content for _, content in rig.sent] == ['0', 'decayed']
    # The step to the first time is no time that passed; stale is what is then out of it.
    rig.mapper.looks = ['kept']
    rig.now_s = 0.5
    rig.status()
    rig.tick(1e6 + 2.0)
    assert len(rig.sent) == 3 and rig.mapper.looks == ['kept']


def test_a_reason_of_before_is_not_why_a_camera_is_silent_now(make):
    rig = make()
    rig.mask(0.0)
    rig.mask(0.9, stamp_s=500.0)
    rig.tick(1.2)
    assert 'is not after that of the last one' in rig.status()[1]
    rig.tick(2.0)
    assert rig.status()[1].endswith('no image')


def test_a_camera_whose_images_fail_is_told_from_one_that_is_silent(make):
    rig = make(cameras=('front', 'left'))
    rig.mask(0.0, 'front')
    rig.mask(0.9, 'left')
    rig.came_s['front'] = rig.start_s + 1.1
    rig.tick(1.2)
    lost = (
        'front: images come, but masks more than grid.stale_after (1 s) apart: a backend that is '
        'slow or hangs, a slow camera, or input.max_rate, which counts real seconds'
    )
    assert rig.status()[1].endswith(f' s: {lost}')
    assert rig.logged == [f'costmaps are stale (lethal): {lost}']


def test_a_camera_that_never_brought_a_mask_is_not_called_slow(make):
    rig = make(cameras=('front', 'left'))
    rig.mask(0.9, 'left')
    rig.came_s['front'] = rig.start_s + 1.1
    rig.tick(1.2)
    assert rig.status()[1].endswith(' s: front: images come, but no masks are made from them')


@pytest.mark.parametrize(('camera', 'words'), [('left', 'left: looks down'), ('', 'looks down')])
def test_what_is_wrong_with_a_camera_is_told_with_its_name(make, camera, words):
    cameras = ('front', 'left') if camera else ()
    rig = make(cameras=cameras)
    for name in cameras or ('',):
        rig.mask(0.0, name)
    rig.mapper.problems = lambda: {**dict.fromkeys(cameras, ''), camera: 'looks down'}
    assert rig.status()[:2] == (DiagnosticStatus.WARN, words)


def test_all_that_is_wrong_is_told(make):
    rig = make()
    rig.mask(0.0)
    rig.clouds.problem = lambda: 'no label_info'
    rig.costmap._poses.problem = lambda: 'odometry is refused'
    assert rig.status()[:2] == (DiagnosticStatus.WARN, 'no label_info; odometry is refused')


def test_each_camera_has_its_reason_logged_and_once(make):
    rig = make(cameras=('left', 'right'), stale_after=60.0)
    rig.faults = {c: CameraInfoError(f'no {c}/camera_info') for c in rig.config.cameras}
    for step in range(80):
        rig.mask(step / 10, 'left')
        rig.mask(step / 10 + 0.03, 'right')
    left, right = (
        f'mask of {camera} left out of the costmaps: no {camera}/camera_info'
        for camera in rig.config.cameras
    )
    assert rig.log == [(0.0, 'warning', left), (0.03, 'warning', right)]


def test_a_reason_that_came_while_the_log_was_quiet_is_told_later(make):
    rig = make(stale_after=60.0)
    rig.faults = {'': CameraInfoError('no camera_info')}
    rig.mask(0.0)
    rig.faults = {'': PoseError('no pose')}
    for step in range(1, 80):
        rig.mask(step / 10)
    assert [(at_s, text.rpartition(': ')[2]) for at_s, _, text in rig.log] == [
        (0.0, 'no camera_info'),
        (5.1, 'no pose'),
    ]


def test_after_another_activation_a_reason_is_news_again(make):
    rig = make(stale_after=60.0)
    rig.faults = {'': PoseError('no pose')}
    rig.mask(0.0)
    rig.mask(10.0)
    rig.costmap.deactivate()
    rig.costmap.activate()
    rig.mask(11.0)
    told = 'mask left out of the costmaps: no pose'
    assert rig.log == [(0.0, 'warning', told), (11.0, 'warning', told)]


def test_a_recording_played_slowly_without_a_clock_stays_fresh(make):
    rig = make()
    for step in range(20):
        # 30 images a second at a twentieth of their speed.
        rig.mask(step / 30 / 0.05, stamp_s=100.0 + step / 30)
        rig.tick(step / 30 / 0.05 + 0.6)
    assert LETHAL not in [content for _, content in rig.sent]
    values = rig.status()[2]
    assert (values['updates'], values['above_rate']) == (20, 0)
