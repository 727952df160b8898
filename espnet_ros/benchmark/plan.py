"""What a benchmark is to measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from espnet_ros.backends import BACKENDS
from espnet_ros.backends.device import Device
from espnet_ros.core.config import NodeConfig, parameter_specs
from espnet_ros.core.errors import ParameterError
from espnet_ros.core.input_size import check_size_wh

BASELINE = 'baseline'
ENCODINGS = ('raw', 'jpeg')
# Backends that others are compared with, in f32 on the CPU: the first that is installed.
REFERENCES = ('onnx', 'torch')


@dataclass(frozen=True)
class Candidate:
    """One backend in one precision, or the authors' loop (`BASELINE`)."""

    backend: str
    precision: str

    @property
    def name(self) -> str:
        """Return what it is called on the command line, ``openvino:f32``."""
        return f'{self.backend}:{self.precision}'


@dataclass(frozen=True)
class Plan:
    """The whole benchmark.

    :param model: a model folder or the name of a shipped one.
    :param device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``, for all candidates.
    :param threads: that compute the network of each candidate but the baseline; 0 for the default.
    :param sizes_wh: of the network input, multiples of 8; None for the model's own.
    :param image_size_wh: of the camera image; None for the pictures' own.
    :param images: folder of pictures; None for the virtual street.
    :param seconds: measured at full speed, and again at the fixed rate, of each candidate.
    :param rounds: over which the seconds are spread.
    :param rate_hz: of the images that come at a fixed rate.
    :param encoding: one of `ENCODINGS`, what the camera sends.
    :raises EspnetRosError: for an invalid device, or a size that the network can't take or that
        comes twice.
    """

    model: str
    candidates: tuple[Candidate, ...]
    device: str = NodeConfig.device
    threads: int = NodeConfig.threads
    sizes_wh: tuple[tuple[int, int], ...] | None = None
    image_size_wh: tuple[int, int] | None = None
    images: Path | None = None
    seconds: float = 10.0
    rounds: int = 5
    rate_hz: float = 10.0
    encoding: str = ENCODINGS[0]

    def __post_init__(self) -> None:
        Device.parse(self.device)
        sizes_wh = self.sizes_wh or ()
        for index, size_wh in enumerate(sizes_wh):
            check_size_wh(size_wh)
            if size_wh in sizes_wh[:index]:
                raise ParameterError(
                    f'expected network sizes that differ, got {size_wh[0]}x{size_wh[1]} twice: '
                    'leave one out'
                )


def parse_candidates(text: str) -> tuple[Candidate, ...]:
    """Read ``openvino:f32,torch`` (no precision means ``auto``).

    :raises ParameterError: listing every unknown and repeated one. A known one that is not on
        this machine is no error; its row will say so.
    """
    precisions = _choices('precision')
    candidates, problems = [], []
    for word in filter(None, (part.strip() for part in text.split(','))):
        backend, _, precision = word.partition(':')
        candidate = Candidate(backend, precision or 'auto')
        if backend not in BACKENDS:
            problems.append(f'{word!r}: no backend {backend!r}')
        if candidate.precision not in precisions:
            problems.append(f'{word!r}: no precision {precision!r}')
        if candidate in candidates:
            problems.append(f'{word!r} comes twice')
        candidates.append(candidate)
    if problems or not candidates:
        raise ParameterError(
            f'expected BACKEND:PRECISION, separated by commas, with the backends '
            f'{", ".join(BACKENDS)} and the precisions {", ".join(precisions)}, got {text!r}'
            + (f' ({"; ".join(problems)})' if problems else '')
        )
    return tuple(candidates)


def _choices(parameter: str) -> Sequence[str]:
    return next(tuple(s.choices) for s in parameter_specs() if s.name == parameter)
