"""Compare a backend with the reference, image by image."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from espnet_ros.backends import create_backend
from espnet_ros.backends.base import Backend
from espnet_ros.backends.machine import installed
from espnet_ros.benchmark.agreement import Agreement
from espnet_ros.benchmark.images import Images, find_images
from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import BackendUnavailableError, ParameterError
from espnet_ros.core.pipeline import Segmenter

_LIBRARIES = {'onnx': 'onnxruntime', 'torch': 'torch'}


def verify(
    *,
    model: str,
    backend: str,
    device: str,
    precision: str,
    images: Path | None,
    reference: str | None,
    threshold: float | None,
    thresholds: Mapping[str, float],
) -> dict[str, Any]:
    """Run both on all images and return how far they agree.

    :param images: folder of pictures; None for the virtual street.
    :param reference: ``onnx`` or ``torch``; None for an installed one other than the backend.
    :param threshold: share of equal pixels to pass; None for that of the precision.
    :param thresholds: precision -> share.
    :raises EspnetRosError: if backend, reference, model or images are not to be had, or there
        is nothing to compare.
    """
    bundle = Bundle.load(model)
    with create_backend(backend, bundle, device, precision) as candidate:
        asked = _threshold(candidate.precision, threshold, thresholds)
        name = reference or _choose(candidate.name)
        with create_backend(name, bundle, 'cpu', 'f32') as truth:
            _check_different(candidate, truth)
            pictures = find_images(images, None if images else bundle.size_wh)
            figures = _compare(candidate, truth, bundle, pictures)
        return {
            'passed': figures['mask_agreement'] >= asked,
            'threshold': asked,
            'model': bundle.name,
            'size_wh': list(bundle.size_wh),
            'backend': candidate.name,
            'device': candidate.device,
            'precision': candidate.precision,
            'reference': name,
            'image_source': pictures.source,
            **figures,
        }


def _compare(
    candidate: Backend, truth: Backend, bundle: Bundle, pictures: Images
) -> dict[str, Any]:
    from tqdm import tqdm

    agreement = Agreement()
    ours, theirs = (
        Segmenter(backend, bundle.labels, bundle.size_wh, mask_size='network')
        for backend in (candidate, truth)
    )
    pairs = tqdm(
        zip(pictures.names, pictures, strict=True),
        desc=f'{candidate.name} and {truth.name}',
        total=len(pictures),
        leave=False,
        disable=None,
    )
    for name, image in pairs:
        got, expected = ours.segment(image), theirs.segment(image)
        agreement.update(name, got.mask, got.confidence, expected.mask, expected.confidence)
    return agreement.figures()


def _threshold(precision: str, asked: float | None, thresholds: Mapping[str, float]) -> float:
    share = thresholds.get(precision) if asked is None else asked
    if share is None:
        raise ParameterError(
            f'there is no common measure of what {precision} may cost: say which share of the '
            'pixels must be equal with --threshold'
        )
    return share


def _choose(candidate: str) -> str:
    """Return the first installed reference that is another library than the candidate."""
    for name, library in _LIBRARIES.items():
        if name != candidate and installed(library):
            return name
    others = [library for name, library in _LIBRARIES.items() if name != candidate]
    raise BackendUnavailableError(
        f'nothing to compare backend {candidate} with: `pip install {others[0]}`'
    )


def _check_different(candidate: Backend, truth: Backend) -> None:
    def identity(backend: Backend) -> tuple[str, str, str]:
        return backend.name, backend.device, backend.precision

    if identity(candidate) == identity(truth):
        other = next(name for name in _LIBRARIES if name != truth.name)
        raise ParameterError(
            f'{truth.name} {truth.precision} on the CPU would be compared with itself: choose '
            f'another --backend, or --reference {other}'
        )
