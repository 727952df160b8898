"""What a worker process does: time one pipeline or one matrix product, or receive masks."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from espnet_ros.backends.open_model import open_model
from espnet_ros.benchmark.agreement import equal_share
from espnet_ros.benchmark.baseline import Baseline
from espnet_ros.benchmark.energy import find_meter
from espnet_ros.benchmark.images import decode, load_images
from espnet_ros.benchmark.plan import BASELINE
from espnet_ros.benchmark.publish import STAGE, ReceiverJob, open_publisher
from espnet_ros.benchmark.roofline import Gemm
from espnet_ros.benchmark.timing import Upload, full_speed, paced, uploads_ms
from espnet_ros.bundle import Bundle
from espnet_ros.core.arrays import UInt8Array

# Image -> published class ids at network size, and the milliseconds of each stage.
Segment = Callable[[UInt8Array], tuple[UInt8Array, dict[str, float]]]


def open_job(config: dict[str, Any], stack: ExitStack) -> Any:
    """Return the job that a worker was started for, loaded and warm.

    :param config: ``library`` ... of a matrix product, ``receive``, or ``model``, ``backend``,
        ``precision``, ``device``, ``threads``, ``size_wh``, ``images`` (a folder) and ``publish``
        (whether to) of a pipeline.
    :param stack: closes what the job holds.
    """
    if 'library' in config:
        return GemmJob(config)
    if 'receive' in config:
        return ReceiverJob(stack)
    return PipelineJob(config, stack)


class GemmJob:
    """Measures one matrix product."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._gemm = Gemm(config['library'], config['precision'], config['device'])
        self.facts: dict[str, Any] = {}

    def turn(self, seconds: float) -> dict[str, Any]:
        """Return the speed of the product in this turn."""
        return {'gflops': self._gemm.gflops(seconds)}


class PipelineJob:
    """Runs images through one backend, or the authors' loop."""

    def __init__(self, config: dict[str, Any], stack: ExitStack) -> None:
        self._images = load_images(Path(config['images']))
        self._meter = find_meter()[0]
        self._publish, reason = open_publisher(stack) if config['publish'] else (None, None)
        start = time.perf_counter()
        self._segment, self._upload, self.facts = _open(config, stack)
        self.facts |= {'load_s': time.perf_counter() - start, 'publish_reason': reason}

    def masks(self, file: str) -> dict[str, Any]:
        """Write the masks of all images, so that other workers can compare theirs."""
        np.savez(file, *[self._segment(decode(data))[0] for data in self._images])
        return {}

    def agree(self, file: str) -> dict[str, Any]:
        """Return the share of pixels equal to those that another worker wrote, over all images."""
        with np.load(file) as reference:
            shares = [
                equal_share(self._segment(decode(data))[0], reference[f'arr_{i}'])
                for i, data in enumerate(self._images)
            ]
        return {'mask_agreement': float(np.mean(shares))}

    def turn(self, seconds: float, count: int, rate_hz: float) -> dict[str, Any]:
        """Measure at full speed, then with images that come at a fixed rate.

        :param seconds: at full speed.
        :param count: how many images come at `rate_hz`.
        """
        # Since the last turn, other workers have used the caches and changed the clock rate.
        self._step(0)
        if self._meter:
            self._meter.start()
        cpu, start = time.process_time(), time.perf_counter()
        times_ms = full_speed(self._step, seconds)
        elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu
        joules = self._meter.stop() if self._meter else None
        pace = paced(self._step, count, rate_hz)
        return {
            'times_ms': times_ms,
            'uploads_ms': uploads_ms(self._upload),
            'seconds': elapsed,
            'cpu_s': cpu,
            'energy_j': joules,
            'energy_reason': self._meter.reason if self._meter else None,
            'arrived': pace.arrived,
            'missed': pace.missed,
            'paced_s': pace.seconds,
        }

    def memory(self) -> dict[str, Any]:
        """Return the peak resident memory so far, MB, without the images measured on."""
        # Not getrusage: its peak survives exec, so a large parent would count.
        lines = Path('/proc/self/status').read_text().splitlines()
        peak_kb = next(int(line.split()[1]) for line in lines if line.startswith('VmHWM'))
        images = sum(image.nbytes for image in self._images)
        return {'peak_rss_mb': (peak_kb * 1024 - images) / 1e6}

    def _step(self, index: int) -> dict[str, float]:
        data = self._images[index % len(self._images)]
        start = time.perf_counter()
        image = decode(data)
        decode_ms = (time.perf_counter() - start) * 1e3
        mask, stage_ms = self._segment(image)
        if self._publish is None:
            return {'decode': decode_ms, **stage_ms}
        start = time.perf_counter()
        self._publish(mask)
        publish_ms = (time.perf_counter() - start) * 1e3
        return {'decode': decode_ms, **stage_ms, STAGE: publish_ms}


def _open(config: dict[str, Any], stack: ExitStack) -> tuple[Segment, Upload, dict[str, Any]]:
    """Return a warm function that segments, one that uploads, and facts about them."""
    width, height = config['size_wh']
    black = np.zeros((1, height, width, 3), np.uint8)
    if config['backend'] == BASELINE:
        bundle = Bundle.load(config['model'])
        baseline = Baseline(bundle, (width, height), config['device'])

        def segment_as_authors(image: UInt8Array) -> tuple[UInt8Array, dict[str, float]]:
            ids, stage_ms = baseline.segment(image)
            return np.asarray(cv2.LUT(ids, bundle.labels.mask_lut), np.uint8), stage_ms

        segment_as_authors(black[0])
        facts = {'device': baseline.device, 'precision': baseline.precision}
        return segment_as_authors, lambda: False, facts
    model = stack.enter_context(
        open_model(
            config['model'], config['backend'], config['device'], config['precision'],
            (width, height), 'network', threads=config['threads'],
        )
    )  # fmt: skip

    def segment(image: UInt8Array) -> tuple[UInt8Array, dict[str, float]]:
        result = model.segmenter.segment(image)
        return result.mask, dict(result.stage_ms)

    facts = {'device': model.backend.device, 'precision': model.backend.precision}
    return segment, lambda: model.backend.upload(black), facts
