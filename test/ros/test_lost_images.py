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

    name = ''

    def __init__(self, step, error):
        self.monitor = CameraMonitor()
        self._step, self._error = step, error

    def segment(self, message, segmenter):
        if self._step == 'segment':
            raise self._error
        return 'answer'

    def publish(self, answer):
        assert answer == 'answer' and self._step == 'publish'
        raise self._error


@pytest.mark.parametrize('step', ['segment', 'publish'])
@pytest.mark.parametrize(
    ('error', 'rejected', 'failed', 'level'),
    [
        (ImageError('decode', 'no JPEG'), 1, 0, 'warning'),
        (BackendError('out of memory'), 0, 1, 'error'),
        (RuntimeError('from C++'), 0, 1, 'error'),
    ],
)
def test_an_image_that_is_lost_is_counted_and_logged(step, error, rejected, failed, level):
    logged = []
    logger = SimpleNamespace(
        warning=lambda text, **_: logged.append(('warning', text)),
        error=lambda text, **_: logged.append(('error', text)),
    )
    model, costmap = SimpleNamespace(segmenter=None), SimpleNamespace()
    node = SimpleNamespace(_model=model, _costmap=costmap, get_logger=lambda: logger)
    node._guard = functools.partial(SegmentationNode._guard, node)
    camera = FakeCamera(step, error)
    SegmentationNode._publish(node, camera, SegmentationNode._segment(node, camera, None))
    assert (camera.monitor.rejected.total(), camera.monitor.failed) == (rejected, failed)
    assert str(error) in camera.monitor.last_error
    assert [(kind, str(error) in text) for kind, text in logged] == [(level, True)]
