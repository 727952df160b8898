"""Turn a published ESPNet checkpoint into a model folder."""

from __future__ import annotations

import argparse

from espnet_ros.cli.options import path
from espnet_ros.cli.results import add_json, tell
from espnet_ros.network.official import DATASETS, INPUT_SCALE, LICENCE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros import_checkpoint`."""
    parser.add_argument('file', type=path, help='the .pth file, ESPNet or ESPNet-C (encoder)')
    parser.add_argument('--labels', required=True, choices=DATASETS, help='its training dataset')
    parser.add_argument('--output', type=path, required=True, help='model folder to write')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Load strictly, export, write and say what was written."""
    from espnet_ros.core.model_description import ModelDescription
    from espnet_ros.network.checkpoint import import_official
    from espnet_ros.network.export import check_can_write, write_network

    check_can_write(args.output)
    trained_on = DATASETS[args.labels]
    network, architecture = import_official(args.file, len(trained_on.labels))
    parameters = sum(p.numel() for p in network.parameters())
    description = ModelDescription(
        architecture=architecture,
        size_wh=trained_on.size_wh,
        mean=trained_on.mean,
        std=trained_on.std,
        input_scale=INPUT_SCALE,
        labels=trained_on.labels,
        metrics={'parameters': parameters},
        licence=LICENCE,
    )
    bundle = write_network(network, description, args.output)
    figures = {'path': str(bundle.path), **architecture, 'parameters': parameters}
    depths = ', '.join(f'{key} {value}' for key, value in architecture.items() if key != 'name')
    width, height = trained_on.size_wh
    sentence = (
        f'{bundle.path}: {architecture["name"]} ({depths}), {parameters:,} parameters, '
        f'{width}x{height}; licence of the weights: {LICENCE}'
    )
    tell(args.json, figures, lambda: print(sentence))
    return 0
