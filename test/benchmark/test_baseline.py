from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip('torch')

from espnet_ros.benchmark.baseline import Baseline, _precision
from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import BackendUnavailableError


def test_a_plain_image_is_normalised_by_channel(small_model: Path):
    baseline = Baseline(Bundle.load(small_model), (64, 48), 'cpu')
    seen = []
    baseline._network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    image = np.empty((96, 160, 3), np.uint8)
    image[:] = (200, 50, 120)
    mask, stage_ms = baseline.segment(image)
    assert (mask.shape, mask.dtype) == ((48, 64), np.uint8)
    assert list(stage_ms) == ['resize', 'infer', 'post']
    assert tuple(seen[0].shape) == (1, 3, 48, 64)
    # (200 - 100) / 50, (50 - 110) / 60, (120 - 120) / 70
    for channel, value in enumerate((2.0, -1.0, 0.0)):
        assert torch.allclose(seen[0][0, channel], torch.tensor(value), atol=1e-6)


def test_the_class_is_the_largest_logit(small_model: Path):
    baseline = Baseline(Bundle.load(small_model), (64, 48), 'cpu')
    logits = torch.zeros(1, 4, 48, 64)
    logits[0, 3, :, 20:] = 1.0
    logits[0, 2, 30:, 20:] = 2.0
    baseline._network = lambda tensor: logits
    mask, _ = baseline.segment(np.zeros((48, 64, 3), np.uint8))
    assert np.all(mask[:, :20] == 0)
    assert np.all(mask[:30, 20:] == 3)
    assert np.all(mask[30:, 20:] == 2)


def test_it_waits_for_its_own_device(small_model: Path, monkeypatch: pytest.MonkeyPatch):
    baseline = Baseline(Bundle.load(small_model), (64, 48), 'cpu')
    # A device without memory stands in for cuda:1, which the tests' machine has not.
    baseline._device = 'meta'
    baseline._network = lambda tensor: torch.zeros(1, 4, 48, 64)
    waited = []
    monkeypatch.setattr(torch.cuda, 'synchronize', lambda *device: waited.append(device))
    baseline.segment(np.zeros((48, 64, 3), np.uint8))
    assert waited == [('meta',)]


@pytest.mark.parametrize(
    ('device', 'capability', 'allowed', 'precision'),
    [
        ('cpu', (8, 0), True, 'f32'),
        ('cuda:1', (7, 5), True, 'f32'),
        ('cuda:1', (8, 0), True, 'tf32'),
        ('cuda:1', (12, 0), False, 'f32'),
    ],
)
def test_float32_of_eager_pytorch_is_tf32_where_there_is_it(
    device: str, capability: tuple[int, int], allowed: bool, precision: str
):
    fake = SimpleNamespace(
        backends=SimpleNamespace(cudnn=SimpleNamespace(allow_tf32=allowed)),
        cuda=SimpleNamespace(get_device_capability={device: capability}.__getitem__),
    )
    assert _precision(fake, device) == precision


@pytest.mark.skipif(torch.cuda.is_available(), reason='this machine has CUDA')
def test_cuda_that_is_not_here_is_said(small_model: Path):
    with pytest.raises(BackendUnavailableError, match='no CUDA device'):
        Baseline(Bundle.load(small_model), (64, 48), 'cuda')
