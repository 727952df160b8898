"""Check a backend on this device against the reference, on real images.

Exit code 0 if enough pixels agree, 1 if not: for CI and for a new robot.
"""

from __future__ import annotations

import argparse
from typing import Any

from espnet_ros.cli.options import (
    add_inference_options,
    number_within,
    path,
    size_wh,
)
from espnet_ros.cli.results import add_json, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros verify`."""
    from espnet_ros.benchmark.agreement import THRESHOLDS
    from espnet_ros.benchmark.plan import REFERENCES

    add_inference_options(parser)
    parser.add_argument(
        '--size', type=size_wh, metavar='WxH',
        help="size of the network input, like the node's input.size_wh (the model's own)",
    )  # fmt: skip
    parser.add_argument(
        '--images', type=path, metavar='DIR', help='folder of pictures (the virtual street)'
    )
    parser.add_argument(
        '--reference', choices=REFERENCES,
        help='backend to compare with, in f32 on the CPU (the first that loads, preferably of '
        'another library than --backend)',
    )  # fmt: skip
    words = ', '.join(f'{value} for {name}' for name, value in THRESHOLDS.items())
    parser.add_argument(
        '--threshold', type=number_within(0.0, 1.0, 'a share of {}'),
        help=f'share of pixels that must be equal ({words})',
    )  # fmt: skip
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Compare, print one sentence, and return 0 if enough pixels agree."""
    from espnet_ros.benchmark.verify import verify

    figures = verify(
        model=args.model,
        backend=args.backend,
        device=args.device,
        precision=args.precision,
        size_wh=args.size,
        images=args.images,
        reference=args.reference,
        threshold=args.threshold,
    )
    tell(args.json, figures, lambda: print(_sentence(figures)))
    return 0 if figures['passed'] else 1


def _sentence(figures: dict[str, Any]) -> str:
    error = figures['confidence_error']
    width, height = figures['size_wh']
    return (
        f'{"PASS" if figures["passed"] else "FAIL"}: {figures["backend"]} {figures["precision"]} '
        f'on {figures["device"]} gives {figures["mask_agreement"]:.3%} of the pixels the same '
        f'class as {figures["reference"]} f32; the threshold is {figures["threshold"]:.3%} '
        f'(images: {len(figures["images"])} of {figures["image_source"]}, model '
        f'{figures["model"]} at {width}x{height}; worst {figures["worst_image"]} with '
        f'{figures["worst_image_agreement"]:.3%}; confidence off by {error["mean"]:.4f} on '
        f'average, {error["p99"]:.4f} at p99, {error["max"]:.4f} at most)'
    )
