"""Run a benchmark: one process for each candidate, all taking turns."""

from __future__ import annotations

import os
import statistics
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from espnet_ros.backends import is_installed
from espnet_ros.backends.machine import processor_name, processors
from espnet_ros.benchmark.contender import Contender
from espnet_ros.benchmark.energy import find_meter
from espnet_ros.benchmark.images import STREET_SIZE_WH, find_images, save_images
from espnet_ros.benchmark.load import OthersLoad
from espnet_ros.benchmark.macs import macs
from espnet_ros.benchmark.plan import BASELINE, REFERENCES, Candidate, Plan
from espnet_ros.benchmark.publish import Reception, without_publishing
from espnet_ros.benchmark.roofline import gemm_kinds, peaks
from espnet_ros.benchmark.rows import make_row
from espnet_ros.bundle import Bundle
from espnet_ros.progress import Counter, counter

# The most pictures of a folder, as each worker holds all in memory.
_MAX_IMAGES = 16
# The product needs a few repetitions only, so less time than a pipeline.
_GEMM_SHARE = 0.25


def run_benchmark(plan: Plan, ros: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Measure everything and return the report, with one row for each candidate and size.

    :param ros: environment for ROS, in which the masks are published; None where there is none.
    :raises EspnetRosError: if the model or the images can't be read. A candidate that can't be
        measured gets a row with the reason.
    """
    bundle = Bundle.load(plan.model, roles=())
    busy = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix='espnet_ros-benchmark-') as name, ExitStack() as stack:
        work = Path(name)
        pictures = work / 'images'
        pictures.mkdir()
        described = _prepare_images(plan, pictures)
        sizes = plan.sizes_wh or (bundle.size_wh,)
        reception = Reception(ros, work, stack)
        measured = [
            _Size(plan, bundle, size_wh, pictures, work, reception).run() for size_wh in sizes
        ]
    return {
        'model': bundle.name,
        'processor': processor_name(),
        'processors': processors(),
        'threads': plan.threads,
        'load_average': round(busy, 2),
        **described,
        'encoding': plan.encoding,
        'seconds': plan.seconds,
        'rounds': plan.rounds,
        'rate_hz': plan.rate_hz,
        'energy_source': find_meter()[1],
        'sizes': [size['size'] for size in measured],
        'rows': [row for size in measured for row in size['rows']],
    }


def _prepare_images(plan: Plan, folder: Path) -> dict[str, Any]:
    size_wh = plan.image_size_wh
    if size_wh is None and plan.images is not None:
        # Pictures of one camera have one size, the first one's.
        first = next(iter(find_images(plan.images, None, 1)))
        size_wh = (first.shape[1], first.shape[0])
    images = find_images(plan.images, size_wh or STREET_SIZE_WH, _MAX_IMAGES)
    save_images(images, folder, plan.encoding)
    return {
        'image_source': images.source,
        'distinct_images': len(images),
        'image_size_wh': list(images.size_wh or ()),
    }


class _Size:
    """The benchmark at one network size."""

    def __init__(
        self,
        plan: Plan,
        bundle: Bundle,
        size_wh: tuple[int, int],
        pictures: Path,
        work: Path,
        reception: Reception,
    ) -> None:
        self._plan, self._bundle, self._size_wh = plan, bundle, size_wh
        self._pictures, self._work, self._reception = pictures, work, reception
        self._reference_file = work / 'reference.npz'
        # Processors that others used in each round, None where that is not known.
        self._others: list[float | None] = []

    def run(self) -> dict[str, Any]:
        """Return the rows, and what they were measured against."""
        plan = self._plan
        candidates = (Candidate(BASELINE, 'f32'), *plan.candidates)
        publish = self._reception.reason is None
        contenders = [self._contender(c, c.name, plan.device, publish) for c in candidates]
        label = f'{self._size_wh[0]}x{self._size_wh[1]}'
        steps = 1 + len(contenders) * (1 + plan.rounds)
        with ExitStack() as stack, counter(steps, label) as bar:
            reference = self._make_reference()
            bar.update()
            for contender in contenders:
                stack.enter_context(contender)
                contender.load()
                if self._reference_file.exists():
                    contender.ask('agree', file=str(self._reference_file))
                bar.update()
            gemms = self._start_gemms(contenders, stack)
            for _ in range(plan.rounds):
                self._round(contenders, gemms, bar)
            for contender in contenders:
                contender.ask('memory')
            self._check_reception(contenders)
        measured = [self._gemm_entry(gemm) for gemm in gemms]
        count = macs(self._bundle.architecture, self._size_wh)
        rows = [make_row(c, contenders[0], count, peaks(measured)) for c in contenders]
        size = {
            'size_wh': list(self._size_wh),
            'gmac': round(count * 1e-9, 3),
            'reference': reference,
            'gemm': measured,
            'publish_reason': self._publish_reason(contenders),
            'others_by_round': self._others,
        }
        return {'size': size, 'rows': rows}

    def _contender(
        self, candidate: Candidate, name: str, device: str, publish: bool = False
    ) -> Contender:
        request = {
            'model': str(self._bundle.path),
            'backend': candidate.backend,
            'precision': candidate.precision,
            'device': device,
            'threads': self._plan.threads,
            'size_wh': list(self._size_wh),
            'images': str(self._pictures),
            'publish': publish,
        }
        return Contender(name, request, self._work, self._reception.environment)

    def _publish_reason(self, contenders: list[Contender]) -> str | None:
        """Return why some or all have no publish stage."""
        reasons = [self._reception.reason, *(c.facts.get('publish_reason') for c in contenders)]
        return '; '.join(dict.fromkeys(filter(None, reasons))) or None

    def _check_reception(self, contenders: list[Contender]) -> None:
        """Drop the stage if the receiver was lost, as the rounds then differ in what it means."""
        self._reception.check()
        if self._reception.reason is not None:
            for contender in contenders:
                contender.rounds = [without_publishing(entry) for entry in contender.rounds]

    def _make_reference(self) -> str:
        """Write the masks that all others are compared with; return whose, or why there are none.

        The process ends before the others start.
        """
        self._reference_file.unlink(missing_ok=True)
        reasons = ['neither ONNX Runtime nor PyTorch is installed']
        for backend in REFERENCES:
            if not is_installed(backend):
                continue
            reference = self._contender(Candidate(backend, 'f32'), f'{backend}:reference', 'cpu')
            with reference:
                reference.load()
                reference.ask('masks', file=str(self._reference_file))
            if reference.reason is None:
                return f'{backend} f32'
            reasons = [reference.reason]
        self._reference_file.unlink(missing_ok=True)
        return f'none: {reasons[0]}'

    def _start_gemms(self, contenders: list[Contender], stack: ExitStack) -> list[Contender]:
        devices = [c.facts['device'] for c in contenders if c.reason is None]
        # If no CUDA device was named, all use the first.
        asked = self._plan.device if self._plan.device.startswith('cuda:') else 'cuda:0'
        cuda = None if all(device.startswith('CPU') for device in devices) else asked
        gemms = [
            Contender('gemm-' + '-'.join(kind.values()), dict(kind), self._work)
            for kind in (gemm_kinds(cuda) if devices else ())
        ]
        for gemm in gemms:
            stack.enter_context(gemm)
            gemm.load()
        return gemms

    def _round(
        self, contenders: list[Contender], gemms: list[Contender], bar: Counter
    ) -> None:
        seconds = self._plan.seconds / self._plan.rounds
        count = max(1, round(seconds * self._plan.rate_hz))
        workers = [self._reception.worker, *(c.worker for c in (*contenders, *gemms))]
        load = OthersLoad([worker.pid for worker in workers if worker is not None])
        for gemm in gemms:
            gemm.turn(_GEMM_SHARE * seconds, seconds=_GEMM_SHARE * seconds)
        for contender in contenders:
            bar.note(contender.name)
            contender.turn(
                2 * seconds, seconds=seconds, count=count, rate_hz=self._plan.rate_hz
            )
            bar.update()
        others = load.processors()
        self._others.append(None if others is None else round(others, 2))

    def _gemm_entry(self, gemm: Contender) -> dict[str, Any]:
        speeds = [round(entry['gflops'], 2) for entry in gemm.rounds]
        whole = gemm.reason is None
        return {
            **gemm.request,
            'gflops': statistics.median(speeds) if whole else None,
            'by_round': speeds,
            'reason': gemm.reason,
        }
