"""Rebuild the ONNX file of a model folder from its weights."""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros export`."""
    parser.add_argument('model', help='a model folder or the name of a shipped model')
    parser.add_argument(
        '--output', type=Path, required=True,
        help='model folder to write; may be the same, an existing one is replaced',
    )  # fmt: skip
    parser.add_argument('--json', type=Path, help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Load the weights strictly, export, write and say what was written."""
    from espnet_ros.bundle import Bundle
    from espnet_ros.network.checkpoint import load_bundle
    from espnet_ros.network.export import write_bundle_from_network

    # Only the weights have to be whole: a lost or damaged ONNX file is what this mends.
    source = Bundle.load(args.model, roles=('weights',))
    bundle = write_bundle_from_network(
        load_bundle(source),
        architecture=source.architecture,
        labels=source.labels,
        size_wh=source.size_wh,
        mean=source.mean,
        std=source.std,
        input_scale=source.input_scale,
        metrics=source.metrics,
        licence=source.licence,
        name=source.name,
        output=args.output,
    )
    for role, file in bundle.files.items():
        print(f'{file}: {file.stat().st_size:,} bytes, sha256 {bundle.sha256[role]}')
    if args.json:
        figures = {'path': str(bundle.path), 'sha256': dict(bundle.sha256)}
        args.json.write_text(json.dumps(figures) + '\n')
    return 0
