"""Depth images by hand."""

from __future__ import annotations

import threading
from array import array

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from espnet_ros.core.errors import ImageError
from espnet_ros.ros.depth import DepthQueue, depth_to_meters


def depth(values, encoding, big=False, padding=0, stamp_ns=0):
    dtype = np.dtype({'16UC1': 'u2', '32FC1': 'f4'}[encoding]).newbyteorder('>' if big else '<')
    pixels = np.array(values, dtype)
    rows = [row.tobytes() + bytes(padding) for row in pixels]
    seconds, rest = divmod(stamp_ns, 1_000_000_000)
    return Image(
        header=Header(stamp=Time(sec=seconds, nanosec=rest)), encoding=encoding,
        height=pixels.shape[0], width=pixels.shape[1], is_bigendian=int(big),
        step=len(rows[0]), data=array('B', b''.join(rows)),
    )  # fmt: skip


MM = [[0, 500, 1000], [1500, 65535, 1]]
METERS = [[0, 0.5, 1.0], [1.5, 65.535, 0.001]]


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('padding', [0, 6])
def test_millimetres_and_metres(big, padding):
    expected = np.array(METERS, np.float32)
    for values, encoding in ((MM, '16UC1'), (METERS, '32FC1')):
        result = depth_to_meters(depth(values, encoding, big, padding), (3, 2), (3, 2))
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_it_is_resized_by_nearest_neighbour():
    result = depth_to_meters(depth(MM, '16UC1'), (3, 2), (6, 2))
    np.testing.assert_allclose(result[0], [0, 0, 0.5, 0.5, 1.0, 1.0])


def test_what_does_not_fit_is_refused():
    with pytest.raises(ImageError, match='depth is 3x2, the image 4x2: register'):
        depth_to_meters(depth(MM, '16UC1'), (4, 2), (4, 2))
    other = depth(MM, '16UC1')
    other.encoding = 'bgr8'
    with pytest.raises(ImageError, match=r"16UC1 .* got 'bgr8'"):
        depth_to_meters(other, (3, 2), (3, 2))
    short = depth(MM, '16UC1')
    short.data = short.data[:-1]
    with pytest.raises(ImageError, match='too few'):
        depth_to_meters(short, (3, 2), (3, 2))


def test_the_nearest_stamp_within_20_ms_is_taken():
    queue = DepthQueue()
    for stamp_ns in (1_000_000_000, 1_033_000_000, 1_066_000_000):
        queue.put(depth(MM, '16UC1', stamp_ns=stamp_ns))
    assert queue.at(Time(sec=1, nanosec=30_000_000), 0.0).header.stamp.nanosec == 33_000_000
    with pytest.raises(ImageError, match=r'is -84 ms from the image'):
        queue.at(Time(sec=1, nanosec=150_000_000), 0.0)


def test_it_is_waited_for():
    queue = DepthQueue()
    late = threading.Timer(0.05, queue.put, (depth(MM, '16UC1', stamp_ns=5_000_000_000),))
    late.start()
    assert queue.at(Time(sec=5), 30.0).header.stamp.sec == 5
    late.join()


def test_closing_ends_the_wait():
    queue = DepthQueue()
    failures = []

    def wait():
        try:
            queue.at(Time(sec=5), 30.0)
        except ImageError as error:
            failures.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    queue.close()
    waiting.join(10.0)
    assert not waiting.is_alive()
    assert 'no depth image: publish one on depth/image' in failures[0]
