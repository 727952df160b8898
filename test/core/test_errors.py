"""What errors carry besides their sentence."""

from __future__ import annotations

import pytest

from espnet_ros.core.errors import REJECTIONS, ImageError, PoseError, describe


@pytest.mark.parametrize('reason', REJECTIONS)
def test_an_image_error_keeps_its_reason_as_text(reason):
    error = ImageError(reason, 'step is 3')
    assert f'rejected_{error.reason}' == 'rejected_' + reason
    assert str(error) == 'step is 3'


def test_errors_of_ours_are_sentences_already():
    assert describe(PoseError('no odometry')) == 'no odometry'
    assert describe(KeyError('x')) == "KeyError: 'x'"
