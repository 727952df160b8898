"""Measure a model on labelled images, through any backend."""

from __future__ import annotations

import argparse
from typing import Any

from espnet_ros.cli.options import (
    add_inference_options,
    output_file,
    output_picture,
    write_json,
)
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
        help='draw what each class was taken for',
    )  # fmt: skip
    parser.add_argument(
        '--worst', type=output_picture, metavar='FILE.png',
        help=f'draw the {WORST} images of the lowest class mIoU: image, truth and mask',
    )  # fmt: skip
    parser.add_argument(
        '--corruptions', action='store_true',
        help='measure the class mIoU of darker, bluer, blurred ... images as well',
    )  # fmt: skip
    parser.add_argument(
        '--json', type=output_file, metavar='FILE',
        help='write the figures here; IoU and accuracy are shares, 0 to 1',
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Segment the split, print and write the figures."""
    from tqdm import tqdm

    from espnet_ros.backends import create_backend
    from espnet_ros.bundle import Bundle
    from espnet_ros.core.picture_file import write_picture
    from espnet_ros.core.pipeline import Segmenter
    from espnet_ros.evaluation.model_figures import ClassMap, figures, measure
    from espnet_ros.evaluation.model_pictures import confusion_picture
    from espnet_ros.network.training.datasets import check_labelled, load_dataset

    bundle = Bundle.load(args.model)
    dataset = load_dataset(args.dataset, args.split)
    classes, names = ClassMap(bundle.labels, dataset.labels), dataset.labels.names
    check_labelled(dataset.samples, f'{args.dataset} {args.split}')
    with create_backend(args.backend, bundle, args.device, args.precision) as backend:
        segmenter = Segmenter(backend, bundle.labels, bundle.size_wh)
        segmenter.segment(dataset.samples[0].image)  # the first call compiles
        title = f'{bundle.name} on {backend.name}'
        progress = tqdm(dataset.samples, desc=title, leave=False, disable=None)
        measurement = measure(segmenter, progress, classes, len(names))
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
    try:
        # First what was asked for: whoever reads the table may leave.
        write_json(args.json, found)
        if worst is not None:
            write_picture(args.worst, worst)
        if args.confusion:
            title = f'{bundle.name} on {args.dataset} {args.split}: per cent of each true class'
            write_picture(args.confusion, confusion_picture(measurement.matrix, names, title))
    finally:
        # A disk that is full meanwhile must not cost the figures.
        _print_table(found)
    return 0


def _corrupted(segmenter: Any, dataset: Any, classes: Any) -> dict[str, Any]:
    import dataclasses

    import numpy as np
    from tqdm import tqdm

    from espnet_ros.evaluation.corruptions import CORRUPTIONS, corrupt
    from espnet_ros.evaluation.model_figures import figures, measure

    names, mious = dataset.labels.names, {}
    for name in CORRUPTIONS:
        rng = np.random.default_rng(0)
        samples = (
            dataclasses.replace(sample, image=corrupt(sample.image, name, rng))
            for sample in tqdm(dataset.samples, desc=name, leave=False, disable=None)
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
    heading = f'{title}: the {len(rows)} worst of {len(dataset.samples)} images'
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
        f'{found["images"]} images, {found["images_per_s"]} images/s: {found["model"]} on '
        f'{found["backend"]} {found["precision"]}, {found["device"]}'
    )
    if 'corruptions' in found:
        each = ', '.join(f'{name} {percent(v)}' for name, v in found['corruptions'].items())
        print(f'class mIoU of corrupted images {percent(found["miou_corrupted"])}: {each}')
