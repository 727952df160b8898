"""What nobody looks at costs nothing."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from std_msgs.msg import Header

from espnet_ros.core.color_image import ColorImage
from espnet_ros.core.config import OverlayConfig
from espnet_ros.core.labels import CAMVID
from espnet_ros.core.pipeline import Segmentation
from espnet_ros.ros import outputs
from espnet_ros.ros.conversions import read_image


class FakeNode:
    """Keeps what would be published, by topic."""

    def __init__(self):
        self.subscribers = set()
        self.sent = {}

    def create_publisher(self, kind, topic, qos, event_callbacks):
        return SimpleNamespace(
            publish=lambda message: self.sent.setdefault(topic, []).append(message),
            get_subscription_count=lambda: int(topic in self.subscribers),
        )


@pytest.fixture
def drawn(monkeypatch):
    """Return the calls of the drawing functions."""
    calls = []

    def colorize(mask, labels):
        calls.append('color_mask')
        return np.full((*mask.shape, 3), 9, np.uint8)

    def overlay(image, mask, labels, opacity):
        calls.append(('overlay', opacity))
        assert image.shape[:2] == mask.shape
        return image.copy()

    monkeypatch.setattr(outputs, 'colorize', colorize)
    monkeypatch.setattr(outputs, 'overlay', overlay)
    return calls


IMAGE = np.full((24, 40, 3), 5, np.uint8)
MASK = np.zeros((24, 40), np.uint8)


def test_nothing_is_drawn_for_nobody(drawn):
    node = FakeNode()
    camera = outputs.CameraOutputs(node, '', CAMVID, OverlayConfig)
    camera.publish_colors(Header(), ColorImage(IMAGE), MASK)
    assert (drawn, node.sent) == ([], {})


def test_one_drawing_serves_raw_and_compressed(drawn):
    node = FakeNode()
    node.subscribers = {'~/front/color_mask', '~/front/color_mask/compressed'}
    camera = outputs.CameraOutputs(node, 'front', CAMVID, OverlayConfig)
    camera.publish_colors(Header(frame_id='f'), ColorImage(IMAGE), MASK)
    assert drawn == ['color_mask']
    raw, jpeg = (node.sent[topic][0] for topic in sorted(node.subscribers))
    assert read_image(raw).bgr.shape == (24, 40, 3)
    assert raw.header.frame_id == jpeg.header.frame_id == 'f'
    decoded = cv2.imdecode(np.frombuffer(jpeg.data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_allclose(decoded, 9, atol=2)


def test_a_change_of_opacity_counts_from_the_next_image(drawn):
    node = FakeNode()
    node.subscribers = {'~/overlay'}
    config = OverlayConfig()
    camera = outputs.CameraOutputs(node, '', CAMVID, lambda: config)
    camera.publish_colors(Header(), ColorImage(IMAGE), MASK)
    config = OverlayConfig(opacity=0.25)
    camera.publish_colors(Header(), ColorImage(IMAGE), MASK)
    assert drawn == [('overlay', 0.5), ('overlay', 0.25)]


def test_an_overlay_on_a_mask_of_the_network_size_shrinks_the_image(drawn):
    node = FakeNode()
    node.subscribers = {'~/overlay'}
    camera = outputs.CameraOutputs(node, '', CAMVID, OverlayConfig)
    camera.publish_colors(Header(), ColorImage(IMAGE), np.zeros((8, 16), np.uint8))
    assert read_image(node.sent['~/overlay'][0]).bgr.shape == (8, 16, 3)


def test_confidence_is_made_for_those_who_subscribe():
    node = FakeNode()
    camera = outputs.CameraOutputs(node, '', CAMVID, OverlayConfig)
    # 2 -> 4 pixels across, 1 -> 3 down.
    segmentation = Segmentation(np.zeros((3, 4), np.uint8), np.array([[9, 7]], np.uint8), {})
    camera.publish_confidence(Header(frame_id='f'), segmentation)
    assert node.sent == {} and 'confidence' not in vars(segmentation)
    node.subscribers = {'~/confidence'}
    camera.publish_confidence(Header(frame_id='f'), segmentation)
    (message,) = node.sent['~/confidence']
    assert (message.header.frame_id, message.encoding) == ('f', 'mono8')
    assert (message.width, message.height, message.step) == (4, 3, 4)
    assert list(message.data) == [9, 9, 7, 7] * 3
