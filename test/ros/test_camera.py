"""What a camera of the node keeps while it listens, and what it says where nothing comes."""

from __future__ import annotations

import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from espnet_ros.core.config import NodeConfig
from espnet_ros.core.errors import ImageError
from espnet_ros.core.labels import CAMVID
from espnet_ros.ros.camera import Camera

STAMP = Time(sec=7)


@pytest.fixture
def camera(peer):
    config = NodeConfig.from_parameters({'projection.source': 'depth', 'cameras': ['front']})
    made = peer.run(Camera, peer.node, 'front', CAMVID, lambda: config)
    yield made
    peer.run(made.unsubscribe)
    peer.run(made.destroy)


def why_none(camera):
    with pytest.raises(ImageError) as caught:
        camera.depth.at(STAMP, 0.0)
    return str(caught.value)


def test_depth_that_does_not_come_is_told_as_images_are(peer, camera):
    peer.run(camera.subscribe, lambda *_: False)
    (asked,) = peer.wait(
        lambda: peer.node.get_subscriptions_info_by_topic('/front/depth/image'), 'subscription'
    )
    assert asked.topic_type == 'sensor_msgs/msg/Image'
    words = 'no depth image: nobody publishes /front/depth/image; remap'
    assert why_none(camera).startswith(words)
    assert 'nobody publishes /front/image;' in camera.why_silent()


def test_depth_is_kept_only_while_the_camera_listens(peer, camera):
    peer.run(camera.subscribe, lambda *_: False)
    depth = Image(header=Header(stamp=STAMP))
    peer.run(camera.depth.put, depth)
    assert camera.depth.at(STAMP, 0.0) is depth
    peer.run(camera.unsubscribe)
    assert 'no depth image: not subscribed' in why_none(camera)
    assert camera.why_silent() == 'not subscribed'
