"""Whatever a backend throws at one image, the node counts it, says so and goes on."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from espnet_ros.core.errors import BackendError, ImageError
from espnet_ros.ros import log
from espnet_ros.ros.camera_monitor import CameraMonitor
from espnet_ros.ros.segmenting import Segmenting


class FakeCamera:
    """Fails as told, in one step."""

    def __init__(self, name='', fails_in='', error=None):
        self.name = name
        self.monitor = CameraMonitor()
        self._fails_in, self._error = fails_in, error

    def decode(self, message):
        self._try('decode')
        return SimpleNamespace(image=f'pixels of {message}')

    def publish(self, decoded, segmentation):
        self._try('publish')
        return decoded.image, segmentation

    @property
    def counts(self):
        return self.monitor.rejected.total(), self.monitor.failed

    def _try(self, step):
        if step == self._fails_in:
            raise self._error


class Rig:
    """The two steps, and what they log and hand on."""

    def __init__(self, segmenter_error=None):
        self.logged, self.batches, self.mapped = [], [], []
        self.error = segmenter_error
        logger = SimpleNamespace(
            warning=lambda text: self.logged.append(('warning', text)),
            error=lambda text: self.logged.append(('error', text)),
        )
        self._steps = Segmenting(
            self.segment_together, lambda *given: self.mapped.append(given), logger
        )

    def segment_together(self, images):
        self.batches.append(images)
        if self.error is not None:
            raise self.error
        return [f'mask of {image}' for image in images]

    def process(self, *taken):
        self._steps.publish(self._steps.segment(list(taken)))


@pytest.mark.parametrize('step', ['decode', 'infer', 'publish'])
@pytest.mark.parametrize(
    ('error', 'rejected', 'failed', 'level'),
    [
        (ImageError('decode', 'no JPEG'), 1, 0, 'warning'),
        (BackendError('out of memory'), 0, 1, 'error'),
        (RuntimeError('from C++'), 0, 1, 'error'),
    ],
)
def test_an_image_that_is_lost_is_counted_and_logged(step, error, rejected, failed, level):
    rig = Rig(error if step == 'infer' else None)
    camera = FakeCamera('', step, error)
    rig.process((camera, 'a'))
    assert camera.counts == (rejected, failed)
    expected = 'RuntimeError: from C++' if 'C++' in str(error) else str(error)
    assert camera.monitor.last_error == expected
    assert [(kind, str(error) in text) for kind, text in rig.logged] == [(level, True)]
    assert rig.mapped == []


@pytest.mark.parametrize('step', ['decode', 'publish'])
def test_a_lost_image_does_not_take_those_of_other_cameras_along(step):
    rig = Rig()
    bad = FakeCamera('left', step, ImageError('decode', 'no JPEG'))
    good = [FakeCamera('front'), FakeCamera('right')]
    rig.process((good[0], 'a'), (bad, 'b'), (good[1], 'c'))
    assert [camera.counts for camera in (good[0], bad, good[1])] == [(0, 0), (1, 0), (0, 0)]
    assert rig.mapped == [
        ('front', ('pixels of a', 'mask of pixels of a')),
        ('right', ('pixels of c', 'mask of pixels of c')),
    ]
    others = ['pixels of b'] if step == 'publish' else []
    assert rig.batches == [['pixels of a', *others, 'pixels of c']]


def test_a_batch_that_fails_is_counted_for_each_of_its_cameras():
    rig = Rig(BackendError('out of memory'))
    cameras = [FakeCamera('front'), FakeCamera('left')]
    rig.process((cameras[0], 'a'), (cameras[1], 'b'))
    assert [camera.counts for camera in cameras] == [(0, 1), (0, 1)]
    assert rig.mapped == [] and len(rig.logged) == 1


@pytest.fixture
def clock(monkeypatch):
    """Return a clock of complaints that the test moves."""
    clock = SimpleNamespace(now_s=100.0)
    monkeypatch.setattr(log, 'time', SimpleNamespace(monotonic=lambda: clock.now_s))
    return clock


def test_each_camera_is_named_and_none_silences_another(clock):
    rig = Rig()
    nv12 = ImageError('encoding', "encoding 'nv12'")
    left, right = FakeCamera('left', 'decode', nv12), FakeCamera('right', 'decode', nv12)
    rig.process((left, 'a'))
    rig.process((left, 'b'), (right, 'c'))
    rejected = [
        ('warning', f"image of {name} rejected: encoding 'nv12'") for name in ('left', 'right')
    ]
    assert rig.logged == rejected
    clock.now_s += 4.9
    rig.process((left, 'd'))
    assert rig.logged == rejected
    clock.now_s += 0.2
    rig.process((left, 'e'))
    assert rig.logged == [*rejected, rejected[0]]


def test_a_batch_that_fails_is_told_once_of_the_cameras_whose_turn_it_is(clock):
    rig = Rig(BackendError('out of memory'))
    front, left = FakeCamera('front'), FakeCamera('left')
    rig.process((front, 'a'))
    rig.process((front, 'b'), (left, 'c'))
    clock.now_s += 5.0
    rig.process((front, 'd'), (left, 'e'))
    assert [text for _, text in rig.logged] == [
        'image of front lost: out of memory',
        'image of left lost: out of memory',
        'image of front, left lost: out of memory',
    ]


def test_an_error_nobody_expects_comes_with_where_it_is_from():
    rig = Rig(RuntimeError('from C++'))
    rig.process((FakeCamera(), 'a'))
    ((level, text),) = rig.logged
    assert level == 'error' and text.startswith('image lost: RuntimeError: from C++\nTraceback')
    assert 'segment_together' in text
