"""Compare a backend with the reference, image by image."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from espnet_ros.backends import create_backend, is_installed, library_of
from espnet_ros.backends.base import Backend
from espnet_ros.backends.open_model import OpenModel, open_model
from espnet_ros.benchmark.agreement import THRESHOLDS, Agreement
from espnet_ros.benchmark.images import Images, find_images
from espnet_ros.benchmark.plan import REFERENCES
from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import (
    BackendError,
    BackendUnavailableError,
    EspnetRosError,
    ParameterError,
)
from espnet_ros.core.libraries import absence
from espnet_ros.core.pipeline import Segmenter
from espnet_ros.progress import bar


def verify(
    *,
    model: str,
    backend: str,
    device: str,
    precision: str,
    size_wh: tuple[int, int] | None,
    images: Path | None,
    reference: str | None,
    threshold: float | None,
) -> dict[str, Any]:
    """Run both on all images and return how well they agree.

    :param size_wh: of the network input, multiples of 8; None for the model's own.
    :param images: folder of pictures; None for the virtual street.
    :param reference: ``onnx`` or ``torch``; None for the first that is installed and loads, where
        the backend's own library comes last.
    :param threshold: share of equal pixels to pass; None for that of the precision.
    :raises EspnetRosError: if backend, reference, model or images are not available, the network
        can't take the size, there is nothing to compare, or backend auto moved on meanwhile.
    """
    # TensorRT builds its engine in the first run, and if that fails, auto moves on: it is settled
    # what is compared, and with what, only when the backend is warm.
    with open_model(model, backend, device, precision, size_wh, 'network') as ours:
        candidate, bundle = ours.backend, ours.bundle
        checked = _identity(candidate)
        asked = THRESHOLDS[candidate.precision] if threshold is None else threshold
        with _reference(reference, candidate, bundle) as truth:
            pictures = find_images(images, None if images else ours.size_wh)
            figures = _compare(ours, truth, pictures)
        _check_same(candidate, checked)
        return {
            'passed': figures['mask_agreement'] >= asked,
            'threshold': asked,
            'model': bundle.name,
            'size_wh': list(ours.size_wh),
            'backend': candidate.name,
            'device': candidate.device,
            'precision': candidate.precision,
            'reference': truth.name,
            'image_source': pictures.source,
            **figures,
        }


def _compare(ours: OpenModel, truth: Backend, pictures: Images) -> dict[str, Any]:
    agreement = Agreement()
    theirs = Segmenter(truth, ours.bundle.labels, ours.size_wh, mask_size='network')
    named = zip(pictures.names, pictures, strict=True)
    for name, image in bar(named, f'{ours.backend.name} and {truth.name}', len(pictures)):
        got, expected = ours.segmenter.segment(image), theirs.segment(image)
        agreement.update(name, got.mask, got.confidence, expected.mask, expected.confidence)
    return agreement.figures()


@contextmanager
def _reference(asked: str | None, candidate: Backend, bundle: Bundle) -> Iterator[Backend]:
    """Enter the backend to compare with: the one asked for, or the first that works."""
    with ExitStack() as stack:
        names = [asked] if asked else _references(candidate)
        problems = []
        for name in names:
            try:
                truth = stack.enter_context(create_backend(name, bundle, 'cpu', 'f32'))
                _check_different(candidate, truth)
                break
            except EspnetRosError as error:
                problems.append(error)
                stack.close()
        else:
            raise problems[0] if asked else BackendUnavailableError(
                f'nothing to compare backend {candidate.name} with: '
                + '; '.join(map(str, problems))
            )
        yield truth


def _references(candidate: Backend) -> list[str]:
    """Return the installed references; last, the candidate's own library if it ran differently."""
    others = [name for name in REFERENCES if name != candidate.name]
    found = [name for name in others if is_installed(name)]
    if not found:
        raise BackendUnavailableError(
            f'nothing to compare backend {candidate.name} with: '
            + absence('the reference', library_of(others[0]))
        )
    alike = candidate.precision == 'f32' and candidate.device.startswith('CPU')
    return found if alike else [*found, *(n for n in REFERENCES if n == candidate.name)]


def _identity(backend: Backend) -> tuple[str, str, str]:
    return backend.name, backend.device, backend.precision


def _check_different(candidate: Backend, truth: Backend) -> None:
    if _identity(candidate) == _identity(truth):
        other = next(name for name in REFERENCES if name != truth.name)
        raise ParameterError(
            f'{truth.name} {truth.precision} on the CPU would be compared with itself: choose '
            f'another --backend, or --reference {other}'
        )


def _check_same(candidate: Backend, checked: tuple[str, str, str]) -> None:
    """Refuse figures that are in part another backend's."""
    now = _identity(candidate)
    if now != checked:
        before, after = (f'{name} {kind} on {device}' for name, device, kind in (checked, now))
        raise BackendError(
            f'{before} failed during the comparison and {after} took its place, so the figures '
            f'are of neither: run it again with --backend {checked[0]} to learn why that one '
            'failed'
        )
