"""What every backend promises, held by each of them."""

from __future__ import annotations

import gc
import importlib.util
import threading

import cv2
import numpy as np
import pytest

from espnet_ros.backends import create_backend
from espnet_ros.backends.machine import cuda_devices
from espnet_ros.core.errors import BackendError

LIBRARIES = {
    'openvino': ('openvino',),
    'onnx': ('onnxruntime',),
    'torch': ('torch',),
    'tensorrt': ('tensorrt', 'tensorrt_rtx'),
}
CHOICES = [
    ('openvino', 'cpu', 'f32'),
    ('openvino', 'cpu', 'bf16'),
    ('onnx', 'cpu', 'f32'),
    ('onnx', 'cuda', 'f32'),
    ('torch', 'cpu', 'f32'),
    ('torch', 'cpu', 'bf16'),
    ('torch', 'cuda', 'f32'),
    ('torch', 'cuda', 'bf16'),
    ('torch', 'cuda', 'f16'),
    ('tensorrt', 'cuda', 'f32'),
    ('tensorrt', 'cuda', 'f16'),
    ('tensorrt', 'cuda', 'int8'),
]


def lacking(choice) -> str:
    """Return what this machine has not of a choice, or nothing."""
    name, device, precision = choice
    if not any(importlib.util.find_spec(library) for library in LIBRARIES[name]):
        return f'{LIBRARIES[name][0]} is not installed'
    if device == 'cuda' and not cuda_devices():
        return 'no CUDA device'
    if name == 'onnx' and device == 'cuda':
        import onnxruntime

        if 'CUDAExecutionProvider' not in onnxruntime.get_available_providers():
            return 'this onnxruntime is not built for CUDA'
    if (name, precision) == ('openvino', 'bf16'):
        import openvino

        if 'BF16' not in openvino.Core().get_property('CPU', 'OPTIMIZATION_CAPABILITIES'):
            return 'this processor does not compute in bf16'
    return ''


@pytest.fixture(params=[c for c in CHOICES if not lacking(c)], ids='-'.join, scope='module')
def choice(request):
    return request.param


@pytest.fixture(scope='module')
def backend(choice, checker):
    with create_backend(choice[0], checker, *choice[1:]) as backend:
        yield backend


@pytest.mark.parametrize('wanted', CHOICES, ids='-'.join)
def test_it_runs_on_what_was_asked_for_and_says_so(wanted, checker):
    # The other tests leave out what this machine has not; here it shows, with the reason.
    if reason := lacking(wanted):
        pytest.skip(reason)
    with create_backend(wanted[0], checker, *wanted[1:]) as backend:
        assert backend.name == wanted[0]
        assert backend.device.lower().startswith(wanted[1])
        assert backend.precision == wanted[2]


def checkerboard(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return an image and its mask: the upper and the left third bright, the rest dark."""
    image = np.zeros((height, width, 3), np.uint8)
    image[: height // 3 // 2 * 2] = 255
    image[:, : width // 3 // 2 * 2] = 255
    bright = np.tile(np.array([[1, 0], [2, 4]], np.uint8), (height // 2, width // 2))
    return image, np.where(image[..., 0] > 0, bright, 3).astype(np.uint8)


def test_mask_and_confidence_are_the_ones_worked_out_by_hand(backend):
    image, expected = checkerboard(48, 64)
    mask, confidence = backend.infer(image[None])
    assert mask.dtype == confidence.dtype == np.uint8
    np.testing.assert_array_equal(mask, expected[None])
    assert np.abs(confidence.astype(int) - 114).max() <= 1


def test_each_image_of_a_batch_gets_its_own_mask(backend):
    image, expected = checkerboard(48, 64)
    mask, _ = backend.infer(np.stack([image, 255 - image, image]))
    np.testing.assert_array_equal(mask[0], expected)
    np.testing.assert_array_equal(mask[2], expected)
    assert (mask[1] == 3).sum() == (expected != 3).sum()


@pytest.mark.parametrize(('height', 'width'), [(8, 8), (8, 24), (24, 8), (56, 40), (64, 96)])
def test_any_multiples_of_8_are_taken(backend, height, width):
    image, expected = checkerboard(height, width)
    mask, _ = backend.infer(image[None])
    np.testing.assert_array_equal(mask[0], expected)


def test_more_sizes_than_are_kept_compiled(backend):
    sizes = [(8, 8 * n) for n in (1, 2, 3, 4, 5, 6, 1)]
    for height, width in sizes:
        image, expected = checkerboard(height, width)
        np.testing.assert_array_equal(backend.infer(image[None])[0][0], expected)


def test_results_outlive_the_next_call_and_the_input(backend):
    image, expected = checkerboard(48, 64)
    batch = image[None].copy()
    mask, confidence = backend.infer(batch)
    before = confidence.copy()
    batch[:] = 128
    backend.infer(255 - image[None])
    del batch
    gc.collect()
    np.testing.assert_array_equal(mask[0], expected)
    np.testing.assert_array_equal(confidence, before)


def test_views_and_read_only_images_are_taken(backend):
    image, expected = checkerboard(48, 64)
    read_only = image[None].copy()
    read_only.setflags(write=False)
    for view in (read_only, image[None, ..., ::-1], np.repeat(image, 2, axis=1)[None, :, ::2]):
        np.testing.assert_array_equal(backend.infer(view)[0][0], expected)


def test_it_runs_in_another_thread_than_the_one_that_loaded_it(backend):
    image, expected = checkerboard(48, 64)
    results = []
    thread = threading.Thread(target=lambda: results.append(backend.infer(image[None])))
    thread.start()
    thread.join(60)
    np.testing.assert_array_equal(results[0][0][0], expected)


def test_warm_up_takes_width_first(backend):
    backend.warm_up((24, 16), batch=2)
    with pytest.raises(BackendError, match='20x16 is not'):
        backend.warm_up((20, 16))


@pytest.mark.parametrize(
    ('images', 'words'),
    [
        (np.zeros((48, 64, 3), np.uint8), r'got uint8 \(48, 64, 3\)'),
        (np.zeros((1, 48, 64, 4), np.uint8), r'got uint8 \(1, 48, 64, 4\)'),
        (np.zeros((1, 3, 48, 64), np.uint8), r'\(N, H, W, 3\).*got uint8 \(1, 3, 48, 64\)'),
        (np.zeros((0, 48, 64, 3), np.uint8), 'N >= 1'),
        (np.zeros((1, 48, 64, 3), np.float32), 'got float32'),
        ([[[[0, 0, 0]]]], 'got a list'),
        (None, 'got a NoneType'),
        (np.zeros((1, 0, 64, 3), np.uint8), '64x0 is not: nearest is 64x8'),
        (
            np.zeros((1, 362, 487, 3), np.uint8),
            '487x362 is not: nearest are 480x360, 488x360, 480x368, 488x368',
        ),
    ],
)
def test_other_images_are_refused(backend, images, words):
    with pytest.raises(BackendError, match=words):
        backend.infer(images)


def test_only_between_enter_and_exit_it_runs(choice, checker):
    image, expected = checkerboard(16, 24)
    backend = create_backend(choice[0], checker, *choice[1:])
    for _ in range(2):
        with pytest.raises(BackendError, match='not active'):
            backend.infer(image[None])
        with backend as same:
            assert same is backend
            np.testing.assert_array_equal(backend.infer(image[None])[0][0], expected)
    with pytest.raises(BackendError, match='not active'):
        backend.infer(image[None])


def test_real_images_agree_with_pytorch(choice, official, reference):
    if choice[2] == 'int8':
        pytest.skip('int8 is compared with its own graph, by test/device/gpu_report.py')
    with create_backend(choice[0], official, *choice[1:]) as backend:
        same = [(backend.infer(image[None])[0][0] == mask).mean() for image, mask in reference]
    assert np.mean(same) >= (0.999 if choice[2] == 'f32' else 0.997)


@pytest.fixture(scope='module')
def reference(shared, official) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return CamVid images and the masks of the unchanged network in PyTorch float32."""
    torch = pytest.importorskip('torch')
    from espnet_ros.network.checkpoint import load_bundle

    network = load_bundle(official)
    pairs = []
    for file in sorted((shared / 'camvid' / 'val').glob('*.png'))[::51]:
        image = cv2.imread(str(file))
        pixels = (image.astype(np.float32) - np.float32(official.mean)) / np.float32(official.std)
        tensor = torch.from_numpy(pixels / 255).permute(2, 0, 1)[None]
        with torch.inference_mode():
            pairs.append((image, network(tensor)[0].argmax(0).numpy().astype(np.uint8)))
    return pairs
