"""The node as a process, over DDS, with a model whose masks are known by hand."""

from __future__ import annotations

import functools
from array import array
from contextlib import contextmanager

import cv2
import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_srvs.srv import SetBool

from espnet_ros.core.config import parameter_specs
from espnet_ros.ros.conversions import array_to_image, read_image

UNLABELED = 255


class Driver:
    """Sends images to the node and hears what comes back."""

    def __init__(self, peer, process, slow_model, toy_model):
        self.peer, self.process = peer, process
        self.slow_model, self.toy_model = slow_model, toy_model
        reliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
        self.images = peer.node.create_publisher(Image, 'image', reliable)
        self.camera_infos = peer.node.create_publisher(CameraInfo, 'camera_info', reliable)
        for kind, name in ((Image, 'mask'), (Image, 'confidence'), (CameraInfo, 'camera_info')):
            peer.listen(kind, f'/segmentation/{name}')
        peer.listen(DiagnosticArray, '/diagnostics')
        self._stamp_s = 0

    def message(self, pixels, frame_id='camera_optical'):
        """Return a bgr8 image message with a stamp of its own."""
        message = array_to_image(np.ascontiguousarray(pixels), Image().header, 'bgr8')
        return self.stamp(message, frame_id)

    def stamp(self, message, frame_id='camera_optical'):
        self._stamp_s += 1
        message.header.stamp.sec = self._stamp_s
        message.header.stamp.nanosec = 987654321
        message.header.frame_id = frame_id
        return message

    def heard_for(self, message, name='mask'):
        """Return what came out under the header of an image, or None."""
        heard = self.peer.heard[f'/segmentation/{name}']
        return next((m for m in heard if m.header == message.header), None)

    def send_until(self, message, name='mask'):
        """Send an image until its result comes, as discovery may lose the first; return it."""
        for _ in range(30):
            self.images.publish(message)
            try:
                self.peer.wait(lambda: self.heard_for(message, name), name, 1.0)
            except AssertionError:
                continue
            return self.heard_for(message, name)
        raise AssertionError(
            f'no {name} for the image; the log says {self.process.log.read_text()}'
        )

    @contextmanager
    def flood(self, pixels):
        """Publish images at 100 Hz, more than the slow model can take."""
        timer = self.peer.node.create_timer(
            0.01, lambda: self.images.publish(self.message(pixels))
        )
        self.peer.wake()
        try:
            yield
        finally:
            self.peer.run(self.peer.node.destroy_timer, timer)

    def status(self):
        """Return the latest status of the camera as (level, message, values)."""
        arrays = self.peer.heard['/diagnostics']
        if not arrays:
            return None
        status = arrays[-1].status[0]
        return status.level, status.message, {v.key: v.value for v in status.values}

    def wait_for_status(self, condition, what):
        """Wait for a status whose (level, message, values) fulfil the condition."""
        return self.peer.wait(lambda: (s := self.status()) and condition(*s) and s, what)

    def change(self, transition):
        request = ChangeState.Request(transition=Transition(id=transition))
        return self.peer.call(ChangeState, '/segmentation/change_state', request).success

    def state(self):
        response = self.peer.call(GetState, '/segmentation/get_state', GetState.Request())
        return response.current_state.label

    def set(self, name, value):
        request = SetParameters.Request(
            parameters=[Parameter(name, value=value).to_parameter_msg()]
        )
        return self.peer.call(SetParameters, '/segmentation/set_parameters', request).results[0]


@pytest.fixture(scope='module')
def driver(peer, start_node, toy_model, slow_model):
    """Return a driver of an active node, which must end cleanly after all of this."""
    process = start_node(
        model=toy_model, backend='onnx', diagnostics__period=0.1, diagnostics__stale_after=1.0,
        projection__ground_cover='[]',
    )  # fmt: skip
    driver = Driver(peer, process, slow_model, toy_model)
    driver.wait_for_status(lambda level, text, values: values['state'] == 'active', 'active')
    yield driver
    assert process.stop() == 0
    assert 'Traceback' not in process.log.read_text()


def expected_mask(width, height):
    mask = np.zeros((height, width), np.uint8)
    mask[: height // 2, width // 2 :] = 1
    mask[height // 2 :, : width // 2] = 2
    mask[height // 2 :, width // 2 :] = UNLABELED
    return mask


def pixels(message):
    assert (message.encoding, message.step, message.is_bigendian) == ('mono8', message.width, 0)
    return np.frombuffer(message.data, np.uint8).reshape(message.height, message.width)


@pytest.mark.parametrize('size_wh', [(64, 48), (96, 48), (32, 24), (160, 240)])
def test_each_image_gives_its_mask_and_confidence_under_its_header(
    driver, make_quadrants, size_wh
):
    message = driver.message(make_quadrants(*size_wh), frame_id=f'camera_{size_wh[0]}')
    mask = driver.send_until(message)
    np.testing.assert_array_equal(pixels(mask), expected_mask(*size_wh))
    confidence = driver.peer.wait(lambda: driver.heard_for(message, 'confidence'), 'confidence')
    half = size_wh[0] // 2
    assert pixels(confidence)[:, :half].min() == 250
    assert pixels(confidence)[:, half:].max() == 0


def test_padded_rgb_rows_are_understood(driver, make_quadrants):
    padded = np.full((48, 64 * 3 + 5), 0xEE, np.uint8)
    padded[:, : 64 * 3] = make_quadrants(64, 48)[..., ::-1].reshape(48, -1)
    message = Image(width=64, height=48, encoding='rgb8', step=64 * 3 + 5)
    message.data = array('B', padded.tobytes())
    mask = driver.send_until(driver.stamp(message))
    np.testing.assert_array_equal(pixels(mask), expected_mask(64, 48))


def test_camera_info_follows_and_a_bad_one_only_warns(driver, make_quadrants):
    driver.send_until(driver.message(make_quadrants(64, 48)))
    driver.wait_for_status(
        lambda level, text, values: (
            level == DiagnosticStatus.OK and 'Hz; no camera_info on /camera_info' in text
        ),
        'word that there is no camera_info',
    )
    info = CameraInfo(width=64, height=48, d=[0.5], distortion_model='other')

    def send(k, outcome):
        """Send calibration and image until the outcome is there, and return it."""
        info.k = k
        for _ in range(30):
            driver.camera_infos.publish(info)
            message = driver.message(make_quadrants(64, 48))
            driver.send_until(message)
            try:
                return driver.peer.wait(functools.partial(outcome, message), 'camera_info', 0.5)
            except AssertionError:
                continue
        raise AssertionError('no effect of camera_info')

    k = [50.0, 0.0, 31.5, 0.0, 51.0, 23.5, 0.0, 0.0, 1.0]
    scaled = send(k, lambda message: driver.heard_for(message, 'camera_info'))
    assert list(scaled.k) == k
    assert (scaled.width, scaled.height, list(scaled.d)) == (64, 48, [0.5])
    assert scaled.distortion_model == 'other'
    send([0.0] * 9, lambda _: 'calibrate the camera' in driver.status()[1])


def test_bad_images_are_counted_and_the_next_good_one_is_served(driver, make_quadrants):
    def bad(reason, **changes):
        message = Image(width=7, height=5, step=21, encoding='bgr8', data=array('B', bytes(105)))
        for name, value in changes.items():
            setattr(message, name, value)
        return reason, message

    cases = [
        bad('encoding', encoding='bgr9'),
        bad('encoding', encoding='32FC1', step=28, data=array('B', bytes(140))),
        bad('step', step=20),
        bad('data', data=array('B', bytes(104))),
        bad('size', width=0, height=0),
    ]
    driver.send_until(driver.message(make_quadrants(64, 48)))
    for reason, message in cases:
        before = int(driver.status()[2].get(f'rejected_{reason}', 0))
        driver.images.publish(message)
        _, _, values = driver.wait_for_status(
            lambda level, text, values, reason=reason, before=before: int(
                values.get(f'rejected_{reason}', 0)
            ) > before,
            f'a rejection for {reason}',
        )  # fmt: skip
        assert values['last_error']
        driver.send_until(driver.message(make_quadrants(64, 48)))
    assert driver.state() == 'active'


def test_colors_reach_who_asks(driver, make_quadrants):
    latest = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
    subscriptions = [
        driver.peer.listen(Image, '/segmentation/color_mask', latest),
        driver.peer.listen(CompressedImage, '/segmentation/overlay/compressed', latest),
    ]
    message = driver.message(make_quadrants(64, 48))
    drawn = read_image(driver.send_until(message, 'color_mask')).bgr
    assert drawn[0, 0].tolist() == [128, 64, 128]
    assert drawn[0, 40].tolist() == [156, 102, 102]
    assert drawn[40, 60].tolist() == [0, 0, 0]
    message = driver.message(make_quadrants(64, 48))
    jpeg = driver.send_until(message, 'overlay/compressed')
    decoded = cv2.imdecode(np.frombuffer(jpeg.data, np.uint8), cv2.IMREAD_COLOR)
    # Half of the road colour over half of the image's (0, 250, 33).
    np.testing.assert_allclose(decoded[10, 12], (64, 157, 80), atol=8)
    for subscription in subscriptions:
        driver.peer.run(driver.peer.node.destroy_subscription, subscription)


def test_silence_warns_with_a_hint(driver):
    _, text, values = driver.wait_for_status(
        lambda level, text, values: level == DiagnosticStatus.WARN and 'no image for' in text,
        'a warning about silence',
    )
    assert '/image' in text
    # Rounded to hundredths.
    assert float(values['seconds_since_image']) >= 1.0


def test_disabled_drops_and_enabled_serves(driver, make_quadrants):
    call = driver.peer.call
    assert call(SetBool, '/segmentation/enable', SetBool.Request(data=False)).success
    before = int(driver.wait_for_status(lambda *_: True, 'a status')[2]['paused'])
    message = driver.message(make_quadrants(64, 48))
    driver.images.publish(message)
    _, text, _ = driver.wait_for_status(
        lambda level, text, values: int(values['paused']) > before, 'a paused image'
    )
    assert text == 'disabled'
    assert driver.heard_for(message) is None
    assert call(SetBool, '/segmentation/enable', SetBool.Request(data=True)).success
    driver.send_until(driver.message(make_quadrants(64, 48)))


def test_images_above_the_rate_are_left_out_before_all_else(driver, make_quadrants):
    before = driver.wait_for_status(lambda *_: True, 'a status')[2]
    # With less, the grid would want more than one each 10 s.
    assert driver.set('grid.stale_after', 3600.0).successful
    assert driver.set('input.max_rate', 0.1).successful
    with driver.flood(make_quadrants(64, 48)):
        _, text, values = driver.wait_for_status(
            lambda level, text, values: int(values['above_rate']) >= 20, 'images left out'
        )
    # They have come all the same.
    assert 'no image' not in text
    more = {key: int(values[key]) - int(before[key]) for key in ('received', 'processed')}
    assert more['received'] >= 20 and more['processed'] <= 2
    assert values['dropped'] == before['dropped']
    assert driver.set('input.max_rate', 0.0).successful
    assert driver.set('grid.stale_after', 1.0).successful
    driver.send_until(driver.message(make_quadrants(64, 48)))


def test_parameters_are_refused_with_a_reason(driver):
    result = driver.set('opacity', 0.3)
    assert not result.successful
    assert "did you mean 'overlay.opacity'?" in result.reason
    result = driver.set('backend', 'onxx')
    assert not result.successful
    assert 'expected one of auto, tensorrt, openvino, onnx, torch' in result.reason
    assert not driver.set('overlay.opacity', 1.5).successful
    assert not driver.set('autostart', False).successful
    assert driver.set('overlay.opacity', 1).successful
    assert driver.set('overlay.opacity', 0.5).successful


def test_parameters_describe_themselves(driver):
    request = DescribeParameters.Request(
        names=['overlay.opacity', 'backend', 'autostart', 'cameras']
    )
    response = driver.peer.call(DescribeParameters, '/segmentation/describe_parameters', request)
    opacity, backend, autostart, cameras = response.descriptors
    assert isinstance(opacity, ParameterDescriptor)
    assert 'at once' in opacity.description
    bounds = opacity.floating_point_range[0]
    assert (bounds.from_value, bounds.to_value) == (0.0, 1.0)
    assert 'openvino' in backend.additional_constraints
    assert 'next configure' in backend.description
    assert autostart.read_only
    assert cameras.type == Parameter.Type.STRING_ARRAY.value


def test_all_parameters_have_values_as_ros2_param_dump_wants_them(driver):
    names = [spec.name for spec in parameter_specs()]
    request = GetParameters.Request(names=names)
    values = driver.peer.call(GetParameters, '/segmentation/get_parameters', request).values
    kinds = dict(zip(names, (value.type for value in values), strict=True))
    assert Parameter.Type.NOT_SET.value not in kinds.values()
    # By default, and where [] was given, which says no type.
    for name in ('cameras', 'projection.ground_cover'):
        assert kinds[name] == Parameter.Type.STRING_ARRAY.value


def test_a_model_that_fails_leaves_a_node_that_can_be_configured_again(
    driver, make_quadrants, tmp_path
):
    truncated = tmp_path / 'truncated'
    truncated.mkdir()
    for file in driver.toy_model.iterdir():
        content = file.read_bytes()
        cut = len(content) // 2 if file.suffix == '.onnx' else None
        (truncated / file.name).write_bytes(content[:cut])
    assert driver.change(Transition.TRANSITION_DEACTIVATE)
    assert driver.change(Transition.TRANSITION_CLEANUP)
    for model, words in ((str(tmp_path / 'missing'), 'missing'), (str(truncated), 'sha256')):
        assert driver.set('model', model).successful
        assert not driver.change(Transition.TRANSITION_CONFIGURE)
        assert driver.state() == 'unconfigured'
        driver.wait_for_status(
            lambda level, text, values, words=words: (
                level == DiagnosticStatus.ERROR and words in values['last_error']
            ),
            f'an error about {words}',
        )
    assert driver.set('model', str(driver.toy_model)).successful
    assert driver.change(Transition.TRANSITION_CONFIGURE)
    assert driver.change(Transition.TRANSITION_ACTIVATE)
    mask = driver.send_until(driver.message(make_quadrants(64, 48)))
    np.testing.assert_array_equal(pixels(mask), expected_mask(64, 48))


def test_a_swapped_slow_model_drops_old_images_and_counts_them(driver, make_quadrants):
    assert driver.change(Transition.TRANSITION_DEACTIVATE)
    assert driver.state() == 'inactive'
    assert driver.change(Transition.TRANSITION_CLEANUP)
    assert driver.set('model', str(driver.slow_model)).successful
    assert driver.set('input.size_wh', [512, 384]).successful
    assert driver.change(Transition.TRANSITION_CONFIGURE)
    assert driver.change(Transition.TRANSITION_ACTIVATE)
    driver.send_until(driver.message(make_quadrants(64, 48)))
    with driver.flood(make_quadrants(64, 48)):
        driver.wait_for_status(lambda level, text, v: int(v['dropped']) > 5, 'dropped images')
    _, _, values = driver.wait_for_status(
        lambda level, text, values: (
            int(values['received']) == int(values['processed']) + int(values['dropped'])
        ),
        'every image processed or counted as dropped',
    )
    assert (values['model'], values['size_wh']) == ('slow', '512x384')
    assert int(values['processed']) < int(values['received'])
    message = driver.message(make_quadrants(64, 48))
    np.testing.assert_array_equal(pixels(driver.send_until(message)), expected_mask(64, 48))


def test_label_info_is_latched(driver):
    messages = pytest.importorskip('vision_msgs.msg')
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    driver.peer.listen(messages.LabelInfo, '/segmentation/label_info', latched)
    heard = driver.peer.heard['/segmentation/label_info']
    message = driver.peer.wait(lambda: heard and heard[-1], 'label_info')
    names = [(c.class_id, c.class_name) for c in message.class_map]
    assert names == [(0, 'road'), (1, 'wall'), (2, 'sky')]
