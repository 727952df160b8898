"""Whatever a backend throws at one image, the node counts it, says so and goes on."""

from __future__ import annotations

import functools
from types import SimpleNamespace

import pytest

from espnet_ros.core.errors import BackendError, ImageError
from espnet_ros.ros.diagnostics import CameraMonitor
from espnet_ros.ros.node import SegmentationNode


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
    """The two steps of a node, without the rest of it."""

    def __init__(self, segmenter_error=None):
        self.logged, self.batches, self.mapped = [], [], []
        self._error = segmenter_error
        logger = SimpleNamespace(
            warning=lambda text, **_: self.logged.append(('warning', text)),
            error=lambda text, **_: self.logged.append(('error', text)),
        )
        costmap = SimpleNamespace(put=lambda *given: self.mapped.append(given))
        self._node = SimpleNamespace(_costmap=costmap, get_logger=lambda: logger)
        self._node._guard = functools.partial(SegmentationNode._guard, self._node)

    def segment_together(self, images):
        self.batches.append(images)
        if self._error is not None:
            raise self._error
        return [f'mask of {image}' for image in images]

    def process(self, *taken):
        model = SimpleNamespace(segmenter=self)
        answers = SegmentationNode._segment(self._node, model, list(taken))
        SegmentationNode._publish(self._node, answers)


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
