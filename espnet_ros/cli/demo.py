"""Drive a camera past the real ROS 2 node and report what masks and costmaps come back.

Three processes over Fast DDS: a camera, the segmentation node and a consumer that subscribes as
a navigation stack would.
"""

from __future__ import annotations

import argparse

from espnet_ros.cli.options import (
    add_inference_options,
    add_threads,
    output_folder,
    positive,
    rate,
    size_wh,
)
from espnet_ros.cli.results import add_json, tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros demo`."""
    from espnet_ros.demo.request import DEFAULT_FRAMES, STREET_SIZE_WH, Request

    parser.add_argument(
        '--source', default='street', metavar='street|DIRECTORY|VIDEO|/dev/videoN',
        help='images to publish: a virtual street, pictures, a video, a live camera (street)',
    )  # fmt: skip
    parser.add_argument(
        '--frames', type=positive, help=f'at most this many images ({DEFAULT_FRAMES})'
    )
    parser.add_argument(
        '--rate', type=rate, default=Request.rate_hz, help=f'images a second ({Request.rate_hz:g})'
    )
    width, height = STREET_SIZE_WH
    parser.add_argument(
        '--size', type=size_wh, metavar='WxH',
        help=f"size of the images ({width}x{height} for the street, else the source's own)",
    )  # fmt: skip
    parser.add_argument(
        '--seed', type=int, default=Request.seed, help=f'which street is built ({Request.seed})'
    )
    parser.add_argument(
        '--true-masks', action='store_true',
        help='publish perfect masks instead of images, to judge the costmaps alone (street only)',
    )  # fmt: skip
    add_inference_options(parser)
    add_threads(parser)
    # None means that no model was asked for: true masks take none.
    parser.set_defaults(model=None)
    parser.add_argument(
        '--output', type=output_folder, default='output/demo', help='folder to write (output/demo)'
    )
    add_json(parser, 'write a copy of report.json here')


def run(args: argparse.Namespace) -> int:
    """Run the demo, print the table, and return 0 if masks came and all were as promised."""
    from espnet_ros.demo.report import table
    from espnet_ros.demo.request import Request
    from espnet_ros.demo.results import FILES
    from espnet_ros.demo.run import Options, run_demo

    options = Options(
        source=args.source,
        request=Request(args.frames, args.rate, args.size, args.seed, args.true_masks),
        model=args.model,
        node={
            'backend': args.backend, 'device': args.device, 'precision': args.precision,
            'threads': args.threads,
        },
        output=args.output,
    )
    report = run_demo(options)
    written = [f'  {args.output / name}' for name in FILES if (args.output / name).exists()]
    tell(args.json, report, lambda: print(table(report), *written, sep='\n'))
    return 0 if report['received'] and not report['faults'] else 1
