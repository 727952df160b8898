"""Measure a model on labelled images, through any backend."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from espnet_ros.cli.labelled import load_told
from espnet_ros.cli.options import add_inference_options, output_picture
from espnet_ros.cli.results import add_json, tell
from espnet_ros.core.metrics import percent

WORST = 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros evaluate`."""
    add_inference_options(parser)
    parser.add_argument(
        '--dataset', required=True, metavar='SPEC',
        help='camvid:DIR, street:COUNT or the path of a data.yaml (docs/training.md)',
    )  # fmt: skip
    parser.add_argument('--split', default='val', help='train, val (the default) or test')
    parser.add_argument(
        '--confusion', type=output_picture, metavar='FILE.png',
        help='draw the confusion matrix: what each class was taken for',
    )  # fmt: skip
    parser.add_argument(
        '--worst', type=output_picture, metavar='FILE.png',
        help=f'draw the {WORST} images with the lowest class mIoU: image, truth and mask',
    )  # fmt: skip
    parser.add_argument(
        '--corruptions', action='store_true',
        help='measure the class mIoU of darker, bluer, blurred ... images as well',
    )  # fmt: skip
    add_json(parser, 'write the figures here; IoU and accuracy are shares, 0 to 1')


def run(args: argparse.Namespace) -> int:
    """Segment the split, print and write the figures."""
    from espnet_ros.backends.open_model import open_model
    from espnet_ros.bundle import Bundle
    from espnet_ros.evaluation.model_figures import ClassMap, figures, measure
    from espnet_ros.network.training.datasets import check_labelled
    from espnet_ros.progress import bar

    bundle = Bundle.load(args.model)
    dataset = load_told(args.dataset, args.split)
    classes, names = ClassMap(bundle.labels, dataset.labels), dataset.labels.names
    check_labelled(dataset.samples, f'{args.dataset} {args.split}')
    with open_model(bundle, args.backend, args.device, args.precision) as model:
        backend, segmenter = model.backend, model.segmenter
        title = f'{bundle.name} on {backend.name}'
        measurement = measure(segmenter, bar(dataset.samples, title), classes, len(names))
        found = {
            'model': bundle.name, 'temperature': bundle.temperature, 'dataset': args.dataset,
            'split': args.split, 'images': len(dataset.samples), 'backend': backend.name,
            'device': backend.device, 'precision': backend.precision,
            **figures(measurement, names),
        }  # fmt: skip
        if args.corruptions:
            found.update(_corrupted(segmenter, dataset, classes))
        worst = None
        if args.worst:
            worst = _worst(measurement, dataset, segmenter, classes, title)
    tell(
        args.json, found, lambda: _print_table(found),
        lambda: _write(args.worst, worst),
        lambda: _write_confusion(args, bundle.name, measurement, names),
    )  # fmt: skip
    return 0


def _write(file: Path | None, pixels: Any) -> None:
    from espnet_ros.core.picture_file import write_picture

    if file is not None:
        write_picture(file, pixels)


def _write_confusion(
    args: argparse.Namespace, model: str, measurement: Any, names: Sequence[str]
) -> None:
    from espnet_ros.evaluation.model_pictures import confusion_picture

    if args.confusion is not None:
        title = f'{model} on {args.dataset} {args.split}: per cent of each true class'
        _write(args.confusion, confusion_picture(measurement.matrix, names, title))


def _corrupted(segmenter: Any, dataset: Any, classes: Any) -> dict[str, Any]:
    import dataclasses

    import numpy as np

    from espnet_ros.evaluation.corruptions import CORRUPTIONS, corrupt
    from espnet_ros.evaluation.model_figures import figures, measure
    from espnet_ros.progress import bar

    names, mious = dataset.labels.names, {}
    for name in CORRUPTIONS:
        rng = np.random.default_rng(0)
        samples = (
            dataclasses.replace(sample, image=corrupt(sample.image, name, rng))
            for sample in bar(dataset.samples, name)
        )
        found = figures(measure(segmenter, samples, classes, len(names)), names)
        mious[name] = found['miou_void_ignored']
    mean = None if None in mious.values() else round(float(np.mean([*mious.values()])), 4)
    return {'miou_corrupted': mean, 'corruptions': mious}


def _worst(measurement: Any, dataset: Any, segmenter: Any, classes: Any, title: str) -> Any:
    import numpy as np

    from espnet_ros.evaluation.model_pictures import worst_picture

    rows = []
    order = np.argsort(measurement.mious, kind='stable')  # NaN comes last
    for index in order[:WORST]:
        sample = dataset.samples[index]
        caption = f'{sample.name}: class mIoU {100 * measurement.mious[index]:.1f}'
        mask = classes(segmenter.segment(sample.image).mask)
        rows.append((caption, sample.image, sample.truth, mask))
    heading = f'{title}: the worst images, {len(rows)} of {len(dataset.samples)}'
    return worst_picture(rows, dataset.labels, heading)


def _print_table(found: dict[str, Any]) -> None:
    for name, value in found['per_class'].items():
        print(f'  {name:<14}', 'not in the truth' if value is None else f'{100 * value:6.2f}')
    category = found['category_miou']
    print(
        f'class mIoU {percent(found["miou_void_ignored"])} (void ignored), '
        f'{percent(found["miou_void_as_error"])} (void truth as false positive)'
        + (f'; category mIoU {percent(category)}' if category is not None else '')
        + f'\nclass accuracy {percent(found["class_accuracy"])}, pixel accuracy '
        f'{percent(found["pixel_accuracy"])}, expected calibration error {found["ece"]} at '
        f'temperature {found["temperature"]}\n'
        f'images: {found["images"]}, {found["images_per_s"]} images/s; {found["model"]} on '
        f'{found["backend"]} {found["precision"]}, {found["device"]}'
    )
    if 'corruptions' in found:
        each = ', '.join(f'{name} {percent(v)}' for name, v in found['corruptions'].items())
        print(f'class mIoU of corrupted images {percent(found["miou_corrupted"])}: {each}')
