"""Turn a published ESPNet checkpoint into a model folder."""

from __future__ import annotations

import argparse

from espnet_ros.cli.options import output_file, path, tell
from espnet_ros.core.labels import CAMVID, CITYSCAPES, with_void

LICENCE = 'MIT (Sachin Mehta, 2018)'
# The authors divide by 255 after subtracting mean and dividing by std, and their weights want it.
INPUT_SCALE = 1 / 255
# Labels, image size and the statistics of the training images (BGR), as in the authors' code.
DATASETS = {
    'cityscapes': (
        CITYSCAPES,
        (1024, 512),
        (72.3923111, 82.90893555, 73.15840149),
        (45.3192215, 46.15289307, 44.91483307),
    ),
    'camvid': (
        CAMVID,
        (480, 360),
        (110.33102643, 108.40886315, 105.03319369),
        (72.12571015, 72.69074534, 69.90434816),
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros import_checkpoint`."""
    parser.add_argument('file', type=path, help='the .pth file, ESPNet or ESPNet-C (encoder)')
    parser.add_argument('--labels', required=True, choices=DATASETS, help='what it was trained on')
    parser.add_argument('--output', type=path, required=True, help='model folder to write')
    parser.add_argument('--json', type=output_file, help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Load strictly, export, write and say what was written."""
    from espnet_ros.core.model_description import ModelDescription
    from espnet_ros.network.checkpoint import import_official
    from espnet_ros.network.export import check_can_write, write_network

    check_can_write(args.output)
    without_void, size_wh, mean, std = DATASETS[args.labels]
    labels = with_void(without_void)
    network, architecture = import_official(args.file, len(labels))
    parameters = sum(p.numel() for p in network.parameters())
    description = ModelDescription(
        architecture=architecture,
        size_wh=size_wh,
        mean=mean,
        std=std,
        input_scale=INPUT_SCALE,
        labels=labels,
        metrics={'parameters': parameters},
        licence=LICENCE,
    )
    bundle = write_network(network, description, args.output)
    figures = {'path': str(bundle.path), **architecture, 'parameters': parameters}
    depths = ', '.join(f'{key} {value}' for key, value in architecture.items() if key != 'name')
    sentence = (
        f'{bundle.path}: {architecture["name"]} ({depths}), {parameters:,} parameters, '
        f'{size_wh[0]}x{size_wh[1]}; licence of the weights: {LICENCE}'
    )
    tell(args.json, figures, lambda: print(sentence))
    return 0
