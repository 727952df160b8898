"""Depth images by hand."""

from __future__ import annotations

import contextlib
import threading
from array import array
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from builtin_interfaces.msg import Time
from pose_rig import DEADLINE_S
from sensor_msgs.msg import Image
from std_msgs.msg import Header

from espnet_ros.core.errors import AbandonedError, ImageError
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


def silent():
    return 'nobody publishes /robot/depth/image'


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


@pytest.mark.parametrize('nothing', [0.0, -1.0, np.nan, np.inf])
def test_depth_of_nothing_is_refused(nothing):
    values = [[nothing] * 3] * 2
    with pytest.raises(ImageError, match='no pixel of the depth image has a depth'):
        depth_to_meters(depth(values, '32FC1'), (3, 2), (3, 2))
    values = [[nothing] * 3, [nothing, nothing, 2.0]]
    assert depth_to_meters(depth(values, '32FC1'), (3, 2), (3, 2))[1, 2] == 2.0


def test_what_does_not_fit_is_refused():
    with pytest.raises(ImageError, match='depth is 3x2, the image 4x2: register'):
        depth_to_meters(depth(MM, '16UC1'), (4, 2), (4, 2))
    other = depth(MM, '16UC1')
    other.encoding = 'bgr8'
    with pytest.raises(ImageError, match=r"16UC1 .* got 'bgr8'"):
        depth_to_meters(other, (3, 2), (3, 2))
    short = depth(MM, '16UC1')
    short.data = short.data[:-1]
    with pytest.raises(ImageError, match='data has 11 bytes, but 2 rows of step 6') as caught:
        depth_to_meters(short, (3, 2), (3, 2))
    assert caught.value.reason == 'depth'
    narrow = depth(MM, '16UC1')
    narrow.step = 5
    with pytest.raises(ImageError, match='step is 5, but a row of 3 16UC1 pixels has 6 bytes'):
        depth_to_meters(narrow, (3, 2), (3, 2))


def test_the_nearest_stamp_within_20_ms_is_taken():
    queue = DepthQueue(silent)
    for stamp_ns in (1_000_000_000, 1_033_000_000, 1_066_000_000):
        queue.put(depth(MM, '16UC1', stamp_ns=stamp_ns))
    assert queue.at(Time(sec=1, nanosec=30_000_000), 0.0).header.stamp.nanosec == 33_000_000
    with pytest.raises(ImageError, match=r'is -84 ms from the image'):
        queue.at(Time(sec=1, nanosec=150_000_000), 0.0)


def at_ms(queue, ms, timeout_s=0.0):
    """Return the milliseconds of the depth image of a time."""
    stamp = queue.at(Time(sec=ms // 1000, nanosec=ms % 1000 * 1_000_000), timeout_s).header.stamp
    return stamp.sec * 1000 + stamp.nanosec // 1_000_000


def fill(queue, *stamps_ms):
    for ms in stamps_ms:
        queue.put(depth(MM, '16UC1', stamp_ns=ms * 1_000_000))


def test_a_mask_may_come_two_seconds_after_its_image_however_fast_the_camera():
    queue = DepthQueue(silent)
    # At 90 Hz, 2 s are 180 images.
    fill(queue, *range(10_000, 12_001, 11))
    assert at_ms(queue, 10_000) == 10_000
    assert at_ms(queue, 11_144) == 11_144


def test_a_mask_that_comes_too_late_is_told_so_and_at_once():
    queue = DepthQueue(silent)
    fill(queue, *range(10_000, 13_001, 50))
    # Kept are 11.0 to 13.0 s; what is forgotten cannot come any more, so nobody waits.
    assert at_ms(queue, 11_000) == 11_000
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(at_ms, queue, 10_500, 2 * DEADLINE_S)
        with pytest.raises(ImageError) as caught:
            answer.result(DEADLINE_S)
    assert (
        '2.50 s older than the newest depth image, and only the last 2.00 s of them are kept: it '
        'takes too long from image to mask'
    ) in str(caught.value)


def test_an_image_before_the_first_depth_image_is_not_called_late():
    queue = DepthQueue(silent)
    fill(queue, 10_000, 10_033)
    with pytest.raises(ImageError, match=r'is \+100 ms from the image, .*: synchronise the two'):
        at_ms(queue, 9_900)


def test_no_more_bytes_are_kept_than_allowed_but_always_the_newest():
    # An image has 12 bytes.
    queue = DepthQueue(silent, max_bytes=3 * 12)
    fill(queue, 10_000, 10_100, 10_200, 10_300)
    assert at_ms(queue, 10_100) == 10_100
    with pytest.raises(ImageError, match=r'only the last 0\.20 s of them are kept'):
        at_ms(queue, 10_000)
    small = DepthQueue(silent, max_bytes=11)
    fill(small, 10_000, 10_100)
    assert at_ms(small, 10_100) == 10_100


@pytest.mark.parametrize('back_ms', [60_000, 1_500])
def test_a_recording_played_again_forgets_its_end(back_ms):
    queue = DepthQueue(silent)
    fill(queue, *range(97_000, 100_001, 100))
    again = 100_000 - back_ms
    fill(queue, again, again + 100)
    assert at_ms(queue, again) == again
    for lost in (100_000, again + 200):
        with pytest.raises(ImageError, match='synchronise the two'):
            at_ms(queue, lost)


def test_a_little_disorder_is_no_restart():
    queue = DepthQueue(silent)
    fill(queue, 10_000, 10_100, 9_500)
    assert [at_ms(queue, ms) for ms in (9_500, 10_000, 10_100)] == [9_500, 10_000, 10_100]


def test_images_of_one_stamp_take_one_place():
    queue = DepthQueue(silent, max_bytes=2 * 12)
    # A driver that stamps all alike would fill the memory, as none of them grows old.
    fill(queue, 10_000, 10_100, 10_100, 10_100)
    assert at_ms(queue, 10_000) == 10_000


class Announcing(threading.Condition):
    """Tells when somebody waits, who has let go of it once another one comes in."""

    def __init__(self):
        super().__init__()
        self.waited_for = threading.Event()

    def wait(self, timeout=None):
        self.waited_for.set()
        return super().wait(timeout)


@contextlib.contextmanager
def filled_once_waited_for(queue, *stamps_ms):
    queue._changed = changed = Announcing()

    def late():
        assert changed.waited_for.wait(DEADLINE_S)
        fill(queue, *stamps_ms)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(late)
        yield
        done.result()


def test_it_is_waited_for():
    queue = DepthQueue(silent)
    with filled_once_waited_for(queue, 5_000):
        assert at_ms(queue, 5_000, DEADLINE_S) == 5_000


def test_waiting_ends_when_it_is_not_allowed_and_is_possible_again():
    queue = DepthQueue(silent)
    fill(queue, 12_000, 14_100)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(at_ms, queue, 15_000, 2 * DEADLINE_S)
        queue.allow_waiting(False)
        with pytest.raises(AbandonedError):
            answer.result(DEADLINE_S)
        assert at_ms(queue, 14_100, DEADLINE_S) == 14_100
        with pytest.raises(AbandonedError):
            at_ms(queue, 15_000, 2 * DEADLINE_S)
        # What has been forgotten is no matter of waiting.
        with pytest.raises(ImageError, match='older than the newest'):
            at_ms(queue, 12_000, DEADLINE_S)
        queue.allow_waiting(True)
        answer = pool.submit(at_ms, queue, 15_000, 2 * DEADLINE_S)
        fill(queue, 15_000)
        assert answer.result(DEADLINE_S) == 15_000


def test_a_fast_cameras_depth_of_the_image_before_is_not_taken_while_its_own_may_come():
    queue = DepthQueue(silent)
    # At 60 Hz the image before is 17 ms away.
    fill(queue, 9_983)
    with filled_once_waited_for(queue, 9_990, 10_000):
        assert at_ms(queue, 10_000, DEADLINE_S) == 10_000


def test_depth_that_is_near_is_taken_at_once_where_the_next_one_will_be_farther_away():
    queue = DepthQueue(silent)
    # The next one is of 10.028.
    fill(queue, 9_962, 9_995)
    assert queue._is_known(10_000 * 10**6) and not queue._is_known(10_012 * 10**6)
    assert at_ms(queue, 10_000, DEADLINE_S) == 9_995


def test_of_two_sensors_side_by_side_the_nearest_counts_once_a_later_one_is_there():
    queue = DepthQueue(silent)
    fill(queue, 9_995, 10_015)
    assert at_ms(queue, 10_000, DEADLINE_S) == 9_995
    assert at_ms(queue, 10_010, DEADLINE_S) == 10_015
    # Where none comes any more, what is near is taken after all.
    assert at_ms(queue, 10_030, 0.01) == 10_015


@pytest.mark.parametrize('ms', [0, 10, 19])
def test_times_soon_after_zero_are_waited_for_as_others(ms):
    queue = DepthQueue(silent)
    with filled_once_waited_for(queue, ms):
        assert at_ms(queue, ms, DEADLINE_S) == ms
    fill(queue, 500)
    with pytest.raises(ImageError, match='synchronise the two'):
        at_ms(queue, 200)


def test_what_is_cleared_is_neither_kept_nor_called_late():
    queue = DepthQueue(silent)
    fill(queue, *range(10_000, 13_001, 50))
    queue.clear()
    for ms in (10_000, 13_000):
        with pytest.raises(ImageError, match='no depth image'):
            at_ms(queue, ms)
    fill(queue, 13_000)
    assert at_ms(queue, 13_000) == 13_000


def test_why_there_is_none_is_asked_while_images_may_come():
    def told():
        fill(queue, 5_000)
        return 'nobody publishes /robot/depth/image'

    queue = DepthQueue(told)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(at_ms, queue, 1_000)
        words = 'no depth image: nobody publishes /robot/depth/image; or set projection.source'
        with pytest.raises(ImageError, match=words):
            answer.result(DEADLINE_S)
