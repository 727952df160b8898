"""Measure a model on labelled images, through any backend."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

from espnet_ros.cli.options import add_inference_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros evaluate`."""
    add_inference_options(parser)
    parser.add_argument(
        '--dataset', required=True, metavar='SPEC', help='camvid:DIR or street:COUNT'
    )
    parser.add_argument('--split', default='val', choices=('train', 'val'))
    parser.add_argument('--json', type=Path, help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Segment the split, print and write the figures."""
    from espnet_ros.backends import create_backend
    from espnet_ros.bundle import Bundle
    from espnet_ros.core.errors import DatasetError
    from espnet_ros.core.labels import CAMVID
    from espnet_ros.network.training.datasets import load_dataset

    bundle = Bundle.load(args.model)
    if bundle.labels.names[: len(CAMVID)] != CAMVID.names:
        raise DatasetError(
            f'{args.dataset} has the classes {", ".join(CAMVID.names)}, but the model has '
            f'{", ".join(bundle.labels.names)}: evaluate it on a dataset of its own classes'
        )
    samples = load_dataset(args.dataset, args.split, CAMVID)
    with create_backend(args.backend, bundle, args.device, args.precision) as backend:
        figures = measure(backend, bundle, samples, CAMVID.names)
    _print_table(figures)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + '\n')
    return 0


def measure(backend: Any, bundle: Any, samples: Any, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the figures of a started backend on the samples.

    :param samples: `network.training.datasets.Sample` of the classes `names`.
    """
    from tqdm import tqdm

    from espnet_ros.core.metrics import ConfusionMatrix
    from espnet_ros.core.pipeline import Segmenter

    segmenter = Segmenter(backend, bundle.labels, bundle.size_wh)
    segmenter.segment(samples[0].image)  # the first call compiles
    matrix, seconds = ConfusionMatrix(len(names)), 0.0
    for sample in tqdm(
        samples, desc=f'{bundle.name} on {backend.name}', leave=False, disable=None
    ):
        start = time.perf_counter()
        segmentation = segmenter.segment(sample.image)
        seconds += time.perf_counter() - start
        matrix.update(segmentation.mask, sample.truth)
    iou = matrix.iou()
    return {
        'model': bundle.name,
        'backend': backend.name,
        'device': backend.device,
        'precision': backend.precision,
        'images': len(samples),
        'miou_void_ignored': round(matrix.miou(), 4),
        'miou_void_as_error': round(matrix.miou(void_as_error=True), 4),
        'pixel_accuracy': round(matrix.pixel_accuracy(), 4),
        # JSON has no NaN: a class that never occurs has no IoU.
        'per_class': {
            n: round(float(v), 4) if v == v else None for n, v in zip(names, iou, strict=True)
        },
        'images_per_s': round(len(samples) / seconds, 2),
    }


def _print_table(figures: dict[str, Any]) -> None:
    for name, value in figures['per_class'].items():
        print(f'  {name:<14}', 'not in the truth' if value is None else f'{100 * value:6.2f}')
    print(
        f'class mIoU {100 * figures["miou_void_ignored"]:.2f} (void ignored), '
        f'{100 * figures["miou_void_as_error"]:.2f} (void truth as false positive); '
        f'pixel accuracy {100 * figures["pixel_accuracy"]:.2f}\n'
        f'{figures["images"]} images, {figures["images_per_s"]} images/s: {figures["model"]} on '
        f'{figures["backend"]} {figures["precision"]}, {figures["device"]}'
    )
