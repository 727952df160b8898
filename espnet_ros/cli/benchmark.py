"""Measure how fast backends are on this machine, each in a process of its own.

They take turns, so that a disturbance of the machine affects them all, and are compared with the
authors' way of running the network. A backend that can't run here gets a row with the reason.
"""

from __future__ import annotations

import argparse
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from espnet_ros.cli.options import (
    add_threads,
    number_within,
    output_picture,
    path,
    rate,
    size_wh,
)
from espnet_ros.cli.results import add_json, tell
from espnet_ros.core.config import parameter_specs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros benchmark`."""
    from espnet_ros.backends import BACKENDS
    from espnet_ros.benchmark.plan import ENCODINGS, Plan

    defaults = {spec.name: spec.default for spec in parameter_specs()}
    parser.add_argument(
        '--model', default=defaults['model'], help=f'model name or folder ({defaults["model"]})'
    )
    parser.add_argument(
        '--device', default=defaults['device'],
        help=f'for all backends: auto, cpu, cuda or cuda:N ({defaults["device"]})',
    )  # fmt: skip
    add_threads(parser)
    parser.add_argument(
        '--backends', default=','.join(BACKENDS), metavar='NAME:PRECISION,...',
        help=f'backends to measure ({",".join(BACKENDS)})',
    )  # fmt: skip
    parser.add_argument(
        '--size', type=_sizes, metavar='WxH,...', help="network input size (the model's own)"
    )
    parser.add_argument(
        '--image-size', type=size_wh, metavar='WxH',
        help="size of the camera image (1280x720, or the first picture's)",
    )  # fmt: skip
    parser.add_argument(
        '--images', type=path, metavar='DIR', help='folder of pictures (the virtual street)'
    )
    parser.add_argument(
        '--encoding', default=Plan.encoding, choices=ENCODINGS,
        help=f'what the camera sends; jpeg is decoded in the measured time ({Plan.encoding})',
    )  # fmt: skip
    parser.add_argument(
        '--seconds', type=number_within(0.1, 3600.0, '{} seconds'), default=Plan.seconds,
        help=f'time at full speed, for each backend ({Plan.seconds:g})',
    )  # fmt: skip
    parser.add_argument(
        '--rate', type=rate, default=Plan.rate_hz,
        help=f'then as long again at this many images a second ({Plan.rate_hz:g})',
    )  # fmt: skip
    add_json(parser, 'write the figures here, a row for each backend')
    parser.add_argument(
        '--plot', type=output_picture, metavar='FILE.png', help='draw the times of the stages here'
    )


def run(args: argparse.Namespace) -> int:
    """Measure, print the table, and return 0 if any backend could be measured."""
    from espnet_ros.benchmark.plan import BASELINE, Plan, parse_candidates
    from espnet_ros.benchmark.run import run_benchmark
    from espnet_ros.benchmark.table import table

    plan = Plan(
        model=args.model,
        candidates=parse_candidates(args.backends),
        device=args.device,
        threads=args.threads,
        sizes_wh=args.size,
        image_size_wh=args.image_size,
        images=args.images,
        seconds=args.seconds,
        rate_hz=args.rate,
        encoding=args.encoding,
    )
    with _ros() as environment:
        report = run_benchmark(plan, environment)
    tell(args.json, report, lambda: print(table(report)), lambda: _plot(args.plot, report))
    good = [row for row in report['rows'] if row['reason'] is None and row['backend'] != BASELINE]
    return 0 if good else 1


def _plot(file: Path | None, report: dict[str, Any]) -> None:
    if file is not None:
        from espnet_ros.benchmark.plot import plot
        from espnet_ros.core.picture_file import write_picture

        write_picture(file, plot(report))


def _ros() -> AbstractContextManager[dict[str, str] | None]:
    """Return the environment in which masks are published, None where ROS is not installed."""
    from espnet_ros.core.libraries import installed
    from espnet_ros.ros.environment import ros_environment

    return ros_environment() if installed('rclpy') else nullcontext()


def _sizes(text: str) -> tuple[tuple[int, int], ...]:
    return tuple(size_wh(part) for part in text.split(','))
