"""Train a model, calibrate its confidence and write its folder; resume an interrupted run."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from espnet_ros.cli.options import (
    check_output_folder,
    not_negative,
    path,
    positive,
    size_wh,
)
from espnet_ros.cli.results import add_json, tell
from espnet_ros.core.architecture import WHOLE
from espnet_ros.core.errors import ParameterError
from espnet_ros.network.training.recipe import Recipe


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `espnet_ros train`."""
    _add_data(parser.add_argument_group('what to learn from'))
    _add_network(parser.add_argument_group('the network'))
    _add_schedule(parser.add_argument_group('how it is trained'))
    _add_machine(parser.add_argument_group('on this machine'))
    _add_result(parser.add_argument_group('where it goes'))


def _add_data(group: Any) -> None:
    group.add_argument(
        '--data', action='append', default=[], metavar='SPEC',
        help='camvid:DIR, street:COUNT or the path of a data.yaml (docs/training.md); may be '
        'given several times',
    )  # fmt: skip
    group.add_argument(
        '--taught', action='append', default=[], metavar='SPEC',
        help="like --data, but the teacher's output counts beside the truth",
    )  # fmt: skip
    group.add_argument('--teacher', type=path, metavar='MODEL', help='model folder of the teacher')
    group.add_argument(
        '--teacher-classes', type=path, metavar='FILE',
        help="YAML of the teacher's classes that make up each learned class, as `Road: [road, "
        'lane]`, if the teacher has other classes (docs/training_advanced.md)',
    )  # fmt: skip
    group.add_argument(
        '--val', required=True, metavar='SPEC',
        help='like --data, to choose the best epoch and calibrate; the model gets its classes',
    )  # fmt: skip
    group.add_argument(
        '--per-epoch', type=positive, metavar='COUNT',
        help='the most samples of each dataset in an epoch, drawn anew each time, so that e.g. '
        'street:1000 does not drown 300 pictures (default: all)',
    )  # fmt: skip


def _add_network(group: Any) -> None:
    group.add_argument(
        '--architecture', choices=(WHOLE, 'espnet_c'), default=Recipe.architecture,
        help='espnet_c is the encoder alone: train it first and start the whole network from it '
        'with --start-from, as in the paper (default: %(default)s)',
    )  # fmt: skip
    for name, default in (('alpha2', Recipe.alpha2), ('alpha3', Recipe.alpha3)):
        group.add_argument(
            f'--{name}', type=positive, default=default,
            help=f'ESP modules at level {name[-1]} (%(default)s)',
        )  # fmt: skip
    group.add_argument(
        '--start-from', metavar='MODEL',
        help='a model folder, or the name of a shipped model, whose weights to start from',
    )  # fmt: skip


def _add_schedule(group: Any) -> None:
    group.add_argument(
        '--epochs', type=positive, default=60, help='in all, before and after a kill (%(default)s)'
    )
    group.add_argument(
        '--validate-every', type=positive, default=5, metavar='EPOCHS',
        help='how often to measure on --val, to keep the best weights (%(default)s)',
    )  # fmt: skip
    group.add_argument(
        '--learning-rate', type=float, default=Recipe.learning_rate,
        help='peak of the schedule; to continue with a model on the same images, a tenth of the '
        'default (default: %(default)s)',
    )  # fmt: skip
    group.add_argument(
        '--freeze-at', type=float, default=Recipe.freeze_at, metavar='SHARE',
        help='share of the epochs after which batch normalisation keeps its statistics, as in '
        'inference: 0 from the start, e.g. to continue with a model on the same images; 1 never '
        '(default: %(default)s)',
    )  # fmt: skip
    group.add_argument(
        '--batch', type=positive, default=Recipe.batch,
        help='images per step, over all processes of torchrun (%(default)s)',
    )
    width, height = Recipe.crop_wh
    group.add_argument(
        '--crop', type=size_wh, default=Recipe.crop_wh, metavar='WxH',
        help=f'size of the views of the images, multiples of 8 ({width}x{height})',
    )  # fmt: skip
    group.add_argument(
        '--as-seen', action='store_true',
        help='for the end of a training: views at nearly the scale of the images, with each class '
        'as frequent as it is in them; with --crop the size of the images and --start-from the '
        'model so far',
    )  # fmt: skip
    group.add_argument(
        '--paste', type=float, default=Recipe.paste, metavar='SHARE',
        help='share of the views into which small things of another image are pasted, e.g. 0.5: '
        'for classes that are rare or always seen against the same background (default: none)',
    )  # fmt: skip
    group.add_argument(
        '--seed', type=not_negative, default=Recipe.seed,
        help='seed of every random choice (%(default)s)',
    )  # fmt: skip


def _add_machine(group: Any) -> None:
    group.add_argument(
        '--workers', type=not_negative,
        help='processes that read images ahead for each training process (default: 0 on a CPU, '
        'whose cores have enough to do, 8 for a GPU)',
    )  # fmt: skip
    group.add_argument(
        '--compile', action='store_true',
        help='let TorchInductor compile the network: the first step takes a minute, the others '
        'are faster; needs a C++ compiler',
    )  # fmt: skip


def _add_result(group: Any) -> None:
    group.add_argument('--work', type=path, required=True, help='folder for checkpoints and log')
    group.add_argument('--output', type=path, required=True, help='model folder to write')
    group.add_argument('--name', help="the model's name (default: the output folder's)")
    group.add_argument(
        '--licence', metavar='TEXT',
        help='licence of the weights, for the model folder (default: that of the --start-from '
        'model that the run began with, else "not stated")',
    )  # fmt: skip
    group.add_argument(
        '--last', action='store_true',
        help='write the weights of the last epoch, not of the best one on --val: for `average`, '
        'or if --val is too small to choose by',
    )  # fmt: skip
    add_json(group)


def run(args: argparse.Namespace) -> int:
    """Train, choose the epoch, calibrate, write the bundle."""
    from espnet_ros.network.training.processes import join, leave, one_voice

    processes, device = join()
    try:
        with one_voice(processes):
            return _run(args, processes, device)
    finally:
        leave()


def _run(args: argparse.Namespace, processes: Any, device: Any) -> int:
    from espnet_ros.core.metrics import percent
    from espnet_ros.network.training.session import train

    _check_teacher(args)
    _check_folders(args.work, args.output)
    reached = train(_job(args), processes, device, print)
    if reached is not None:
        miou = f'class mIoU {percent(reached.miou)} on {args.val} (void ignored)'
        tell(args.json, reached.metrics, lambda: print(f'{reached}\n{args.output}: {miou}'))
    return 0


def _check_teacher(args: argparse.Namespace) -> None:
    if bool(args.taught) != bool(args.teacher):
        raise ParameterError('--taught and --teacher need each other: give both or neither')
    if args.teacher_classes and not args.teacher:
        raise ParameterError('--teacher-classes needs --teacher, whose classes it names')


def _check_folders(work: Path, output: Path) -> None:
    inner, outer = work.resolve(), output.resolve()
    if outer in (inner, *inner.parents):
        raise ParameterError(
            f'--work {work} must not be, or be in, --output {output}, which is made when the '
            'model is written: give another folder'
        )
    check_output_folder('--work', work)


def _job(args: argparse.Namespace) -> Any:
    from espnet_ros.network.training.session import Job

    recipe = Recipe(
        args.architecture, args.alpha2, args.alpha3, args.crop, args.batch, args.learning_rate,
        freeze_at=args.freeze_at, paste=args.paste, as_seen=args.as_seen,
        per_epoch=args.per_epoch, seed=args.seed,
    )  # fmt: skip
    return Job(
        recipe, args.data, args.val, args.epochs, args.validate_every, args.work, args.output,
        name=args.name or '', licence=args.licence, last=args.last, start_from=args.start_from,
        taught=args.taught, teacher=args.teacher, teacher_classes=args.teacher_classes,
        workers=args.workers, compiled=args.compile,
    )  # fmt: skip
