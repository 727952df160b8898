"""Train a model and write its folder, confidence calibrated; a run that broke off goes on."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from espnet_ros.cli.options import (
    check_output_folder,
    not_negative,
    output_file,
    path,
    positive,
    size_wh,
    tell,
)
from espnet_ros.core.architecture import WHOLE
from espnet_ros.network.training.recipe import Recipe

GPU_WORKERS = 8


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
        help="like --data, where the teacher's opinion counts beside the truth",
    )  # fmt: skip
    group.add_argument('--teacher', type=path, metavar='MODEL', help='a model folder to ask')
    group.add_argument(
        '--teacher-classes', type=path, metavar='FILE',
        help="YAML of the teacher's classes that make up each learned class, as `Road: [road, "
        'lane]`, if it has other classes (docs/training_advanced.md)',
    )  # fmt: skip
    group.add_argument(
        '--val', required=True, metavar='SPEC',
        help='for choosing the best epoch and calibrating; its classes are those of the model',
    )  # fmt: skip
    group.add_argument(
        '--per-epoch', type=positive, metavar='COUNT',
        help='samples of each dataset that an epoch sees at most, drawn anew each time, so that '
        'e.g. street:1000 does not drown 300 pictures (default: all)',
    )  # fmt: skip


def _add_network(group: Any) -> None:
    group.add_argument(
        '--architecture', choices=(WHOLE, 'espnet_c'), default=Recipe.architecture,
        help='espnet_c is the encoder alone: trained first, it is what --start-from gives to the '
        'whole network, as in the paper (default: %(default)s)',
    )  # fmt: skip
    for name, default in (('alpha2', Recipe.alpha2), ('alpha3', Recipe.alpha3)):
        group.add_argument(
            f'--{name}', type=positive, default=default,
            help=f'ESP modules at level {name[-1]} (%(default)s)',
        )  # fmt: skip
    group.add_argument(
        '--start-from', metavar='MODEL',
        help='a model folder, or the name of a shipped model, whose weights to go on from',
    )  # fmt: skip


def _add_schedule(group: Any) -> None:
    group.add_argument(
        '--epochs', type=positive, default=60, help='in all, those before a kill too (%(default)s)'
    )
    group.add_argument(
        '--validate-every', type=positive, default=5, metavar='EPOCHS',
        help='how often --val is looked at, to keep the best (%(default)s)',
    )  # fmt: skip
    group.add_argument(
        '--learning-rate', type=float, default=Recipe.learning_rate,
        help='peak of the schedule; a tenth of the default to go on with a model on the same '
        'images (default: %(default)s)',
    )  # fmt: skip
    group.add_argument(
        '--freeze-at', type=float, default=Recipe.freeze_at, metavar='SHARE',
        help='share of the epochs after which batch normalisation keeps its statistics, as in '
        'inference: 0 at once, e.g. to go on with a model on the same images; 1 never (default: '
        '%(default)s)',
    )  # fmt: skip
    group.add_argument(
        '--batch', type=positive, default=Recipe.batch,
        help='images a step, of all processes of torchrun together (%(default)s)',
    )
    width, height = Recipe.crop_wh
    group.add_argument(
        '--crop', type=size_wh, default=Recipe.crop_wh, metavar='WxH',
        help=f'size of the views of the images, multiples of 8 ({width}x{height})',
    )  # fmt: skip
    group.add_argument(
        '--as-seen', action='store_true',
        help='views at nearly the scale of the images and with each class as often as they have '
        'it, to end a training with: with --crop the size of the images and --start-from the '
        'model so far',
    )  # fmt: skip
    group.add_argument(
        '--paste', type=float, default=Recipe.paste, metavar='SHARE',
        help='share of the views into which small things of another image are pasted, e.g. 0.5: '
        'for classes that are rare or always seen before the same background (default: none)',
    )  # fmt: skip
    group.add_argument(
        '--seed', type=not_negative, default=Recipe.seed,
        help='of every random choice (%(default)s)',
    )  # fmt: skip


def _add_machine(group: Any) -> None:
    group.add_argument(
        '--workers', type=not_negative,
        help='processes that read ahead for each one that trains (default: 0 on a CPU, whose '
        'cores have enough to do, 8 for a GPU)',
    )  # fmt: skip
    group.add_argument(
        '--compile', action='store_true',
        help='let TorchInductor compile the network: the first step takes a minute, the others '
        'less time; needs a C++ compiler',
    )  # fmt: skip


def _add_result(group: Any) -> None:
    group.add_argument('--work', type=path, required=True, help='folder of checkpoints and log')
    group.add_argument('--output', type=path, required=True, help='model folder to write')
    group.add_argument('--name', help="the model's name (default: the output folder's)")
    group.add_argument(
        '--licence', metavar='TEXT',
        help='under which the weights may be used, for the model folder (default: that of the '
        'model of --start-from, else "not stated")',
    )  # fmt: skip
    group.add_argument(
        '--last', action='store_true',
        help='write the weights of the last epoch, not of the best one on --val: for `average`, '
        'or where --val is too small to choose by',
    )  # fmt: skip
    group.add_argument('--json', type=output_file, help='write the figures here')


def run(args: argparse.Namespace) -> int:
    """Train, choose the epoch, calibrate, write the bundle."""
    from espnet_ros.network.training.processes import join, leave, one_voice

    processes, device = join()
    try:
        with one_voice(processes):
            _check_teacher(args)
            return _run(args, processes, device)
    finally:
        leave()


def _check_teacher(args: argparse.Namespace) -> None:
    from espnet_ros.core.errors import ParameterError

    if bool(args.taught) != bool(args.teacher):
        raise ParameterError('--taught and --teacher need each other: give both or neither')
    if args.teacher_classes and not args.teacher:
        raise ParameterError('--teacher-classes needs --teacher, whose classes it names')


def _run(args: argparse.Namespace, processes: Any, device: Any) -> int:
    from espnet_ros.network.export import check_can_write
    from espnet_ros.network.training.state import only_run_of

    # A long run must not fail at its end over what can be told now.
    check_can_write(args.output)
    _check_folders(args.work, args.output)
    with ExitStack() as held:
        # One that is there may be another training's, which must not go on while this one reads.
        there = args.work.exists()
        if processes.first and there:
            held.enter_context(only_run_of(args.work))
        trainer, val, start = _prepare(args, processes, device)
        if processes.first and not there:
            held.enter_context(only_run_of(args.work))
        if processes.first:
            # Not before the lock: what another training wrote beyond their first epoch is hidden.
            trainer.curves = _curves(args.work / 'tensorboard', val.labels, trainer.epoch)
        trainer.run(args.epochs, args.validate_every)
        if processes.first:
            # Within the lock: another training would write another best.pt.
            licence = args.licence or (start.licence if start else 'not stated')
            _write(args, trainer, val, licence)
    return 0


def _check_folders(work: Path, output: Path) -> None:
    from espnet_ros.core.errors import ParameterError

    inner, outer = work.resolve(), output.resolve()
    if outer in (inner, *inner.parents):
        raise ParameterError(
            f'--work {work} must not be, or be in, --output {output}, a folder that is made when '
            'the model is written: give another one'
        )
    check_output_folder('--work', work)


def _prepare(args: argparse.Namespace, processes: Any, device: Any) -> tuple[Any, Any, Any]:
    """Return a trainer that has said what it has, the validation data, and what it starts from."""
    from espnet_ros.bundle import Bundle
    from espnet_ros.network.training.datasets import check_labelled, load_dataset

    recipe = _recipe(args)
    start = Bundle.load(args.start_from) if args.start_from else None
    val = load_dataset(args.val, 'val')
    check_labelled(val.samples, f'{args.val} val')
    train = [_samples(spec, val) for spec in args.data]
    taught = [_samples(spec, val) for spec in args.taught]
    if learned := [sample for samples in (*train, *taught) for sample in samples]:
        check_labelled(learned, f'{", ".join((*args.data, *args.taught))} train')
    if args.teacher:
        teacher = _teacher(args, val.labels, device)
        taught = [teacher.teach(samples, processes) for samples in taught]
    trainer = _trainer(args, recipe, [*train, *taught], val, processes, device)
    say = print if processes.first else _nothing
    if start is not None:
        taken, tensors = trainer.start_from(start)
        lent = f'{taken} of {tensors} tensors start as those of {start.name}'
        say(lent if taken else f'{args.work} has begun: it keeps its weights, not {start.name}')
    _tell_unseen(trainer, say)
    say(f'{len(trainer.samples)} training and {len(val.samples)} validation samples, '
        f'from epoch {trainer.epoch}')  # fmt: skip
    return trainer, val, start


def _nothing(_text: str) -> None:
    """Say nothing: one process of several speaks for all."""


def _tell_unseen(trainer: Any, say: Any) -> None:
    """Name the classes that are in no image, as when 0/255 masks are read as ids."""
    from espnet_ros.network.training.datasets import class_frequencies

    shares = class_frequencies(trainer.samples, len(trainer.classes))
    unseen = [name for name, share in zip(trainer.classes, shares, strict=True) if share == 0]
    if unseen:
        say(f'no training image has a pixel of {", ".join(unseen)}: this will not be learned')


def _samples(spec: str, val: Any) -> Any:
    from espnet_ros.core.errors import DatasetError
    from espnet_ros.network.training.datasets import load_dataset

    dataset = load_dataset(spec, 'train')
    if dataset.labels.names != val.labels.names:
        raise DatasetError(
            f'{spec} has the classes {", ".join(dataset.labels.names)}, but --val has '
            f'{", ".join(val.labels.names)}: they must be the same, in the same order'
        )
    return dataset.samples


def _teacher(args: argparse.Namespace, labels: Any, device: Any) -> Any:
    from espnet_ros.bundle import Bundle
    from espnet_ros.network.training.distillation import Teacher, read_classes

    classes = read_classes(args.teacher_classes) if args.teacher_classes else None
    return Teacher(Bundle.load(args.teacher), labels, device, classes)


def _recipe(args: argparse.Namespace) -> Recipe:
    return Recipe(
        args.architecture, args.alpha2, args.alpha3, args.crop, args.batch, args.learning_rate,
        freeze_at=args.freeze_at, paste=args.paste, as_seen=args.as_seen,
        per_epoch=args.per_epoch, seed=args.seed,
    )  # fmt: skip


def _trainer(
    args: argparse.Namespace, recipe: Recipe, train: Any, val: Any, processes: Any, device: Any
) -> Any:
    from espnet_ros.network.training.trainer import Trainer

    workers = args.workers
    if workers is None:
        workers = GPU_WORKERS if device.type == 'cuda' else 0
    return Trainer(
        train, val.samples, val.labels.names, recipe, args.work, device, processes, workers,
        args.compile,
    )  # fmt: skip


def _curves(folder: Path, labels: Any, epoch: int) -> Any:
    """Return what draws curves, or None and say why: a training does without."""
    from espnet_ros.network.training.curves import Curves

    try:
        return Curves(folder, labels, epoch)
    except ImportError:
        print('no curves for TensorBoard: it is not installed (pip install tensorboard)')
    except OSError as error:
        print(f'no curves for TensorBoard: {folder} can not be written ({error.strerror})')
    return None


def _write(args: argparse.Namespace, trainer: Any, val: Any, licence: str) -> None:
    from espnet_ros.core.metrics import percent
    from espnet_ros.core.model_description import ModelDescription
    from espnet_ros.network.export import write_network
    from espnet_ros.network.training.calibrate import calibrate

    network = trainer.last_network() if args.last else trainer.best_network()
    labels = val.labels
    height, width = val.samples[0].truth.shape
    calibration = calibrate(network, val.samples, (width, height), trainer.mean, trainer.std)
    description = ModelDescription(
        name=args.name or '',
        architecture=trainer.recipe.architecture_of(len(labels)),
        labels=labels, size_wh=(width, height),
        mean=tuple(trainer.mean), std=tuple(trainer.std), input_scale=1.0,
        metrics=calibration.metrics, licence=licence, temperature=calibration.temperature,
    )  # fmt: skip
    write_network(network, description, args.output)
    reached = f'class mIoU {percent(calibration.miou)} on {args.val} (void ignored)'
    words = f'{calibration}\n{args.output}: {reached}'
    tell(args.json, calibration.metrics, lambda: print(words))
