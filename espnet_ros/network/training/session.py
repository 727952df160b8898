"""A training from its options to a model folder: data in, weights, confidence and figures out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import CheckpointError, DatasetError
from espnet_ros.core.labels import Labels
from espnet_ros.core.libraries import how_to_get
from espnet_ros.core.model_description import ModelDescription, description_like
from espnet_ros.network.export import check_can_write, write_network
from espnet_ros.network.training.calibrate import Calibration, calibrate
from espnet_ros.network.training.curves import Curves
from espnet_ros.network.training.datasets import Dataset, Sample, check_labelled, load_dataset
from espnet_ros.network.training.distillation import Teacher, read_classes
from espnet_ros.network.training.processes import Processes
from espnet_ros.network.training.recipe import Recipe
from espnet_ros.network.training.start import Lent
from espnet_ros.network.training.state import only_run_of
from espnet_ros.network.training.trainer import Trainer

GPU_WORKERS = 8


@dataclass(frozen=True)
class Job:
    """What to train, on which data, and where to write the result.

    :param recipe: of the training.
    :param data: datasets to learn from, as `load_dataset` takes them.
    :param val: the dataset to choose the best epoch and calibrate with; the model has its classes.
    :param epochs: in total, including those before a kill.
    :param validate_every: epochs from one validation to the next.
    :param work: folder of checkpoints and log; a run found there continues.
    :param output: model folder to write.
    :param name: of the model; if empty, the name of the output folder.
    :param licence: of the weights; None takes that of the model that they started from.
    :param last: write the last epoch, not the best.
    :param start_from: folder or name of the model to start from.
    :param taught: datasets for which a teacher's opinion counts, too.
    :param teacher: its model folder.
    :param teacher_classes: file of its classes, see `read_classes`.
    :param workers: processes that read ahead for each that trains; None chooses by the device.
    :param compiled: let TorchInductor compile the network.
    """

    recipe: Recipe
    data: Sequence[str]
    val: str
    epochs: int
    validate_every: int
    work: Path
    output: Path
    name: str = ''
    licence: str | None = None
    last: bool = False
    start_from: str | None = None
    taught: Sequence[str] = ()
    teacher: Path | None = None
    teacher_classes: Path | None = None
    workers: int | None = None
    compiled: bool = False


def train(
    job: Job, processes: Processes, device: torch.device, say: Callable[[str], None]
) -> Calibration | None:
    """Train, choose the epoch, calibrate, write the model folder.

    :param processes: that train together.
    :param device: to train on.
    :param say: called with each message, in the first process only.
    :return: the results of the model on `job.val`; None if another process wrote it.
    :raises EspnetRosError: saying what to fix.
    """
    # A long run must not fail at its end for a reason that can be found now.
    check_can_write(job.output)
    with ExitStack() as held:
        # An existing folder may be another training's, which must not go on while this one reads.
        there = job.work.exists()
        if processes.first and there:
            held.enter_context(only_run_of(job.work))
        trainer, val = _prepare(job, processes, device, say if processes.first else _nothing)
        if processes.first and not there:
            held.enter_context(only_run_of(job.work))
            _check_still_new(trainer)
        if processes.first:
            # Only with the lock: `Curves` hides later points, which could be another training's.
            trainer.curves = _curves(job.work / 'tensorboard', val.labels, trainer.epoch, say)
        trainer.run(job.epochs, job.validate_every)
        # Still with the lock: another training would overwrite best.pt.
        return _write(job, trainer, val) if processes.first else None


def _check_still_new(trainer: Trainer) -> None:
    if trainer.folder.last.exists():
        raise CheckpointError(
            f'another training began in {trainer.folder.path} while this one read its data: '
            'repeat the command to continue that training, or choose another work folder'
        )


def _prepare(
    job: Job, processes: Processes, device: torch.device, say: Callable[[str], None]
) -> tuple[Trainer, Dataset]:
    """Return a trainer and the validation data, and report what they have."""
    start = Bundle.load(job.start_from) if job.start_from else None
    val = load_dataset(job.val, 'val')
    if val.note:
        say(val.note)
    check_labelled(val.samples, f'{job.val} val')
    learned = _learned(job, val.labels, processes, device, say)
    trainer = Trainer(
        learned, val.samples, val.labels.names, job.recipe, job.work, device, processes,
        _workers(job, device), job.compiled,
    )  # fmt: skip
    if start is not None:
        say(_lent(trainer, trainer.start_from(start), start))
    frequencies = zip(trainer.classes, trainer.training_set.frequencies, strict=True)
    # This happens e.g. when masks of 0 and 255 are read as ids.
    if unseen := [name for name, share in frequencies if share == 0]:
        say(f'no training image has a pixel of {", ".join(unseen)}: these are not learned')
    say(f'{len(trainer.training_set.samples)} training and {len(val.samples)} validation samples, '
        f'from epoch {trainer.epoch}')  # fmt: skip
    return trainer, val


def _nothing(_text: str) -> None:
    """Say nothing: of several processes, only the first one speaks."""


def _learned(
    job: Job, labels: Labels, processes: Processes, device: torch.device,
    say: Callable[[str], None],
) -> list[list[Sample]]:  # fmt: skip
    """Return the datasets to learn from, those of `job.taught` with the teacher's opinion."""
    data = [_samples(spec, labels, job.val, say) for spec in job.data]
    taught = [_samples(spec, labels, job.val, say) for spec in job.taught]
    if learned := [sample for samples in (*data, *taught) for sample in samples]:
        check_labelled(learned, f'{", ".join((*job.data, *job.taught))} train')
    if job.teacher:
        classes = read_classes(job.teacher_classes) if job.teacher_classes else None
        teacher = Teacher(Bundle.load(job.teacher), labels, device, classes)
        taught = [teacher.teach(samples, processes) for samples in taught]
    return [*data, *taught]


def _samples(
    spec: str, labels: Labels, val: str, say: Callable[[str], None]
) -> list[Sample]:
    dataset = load_dataset(spec, 'train')
    if dataset.note:
        say(dataset.note)
    if dataset.labels.names != labels.names:
        raise DatasetError(
            f'{spec} has the classes {", ".join(dataset.labels.names)}, but --val {val} has '
            f'{", ".join(labels.names)}: they must be the same, in the same order'
        )
    return dataset.samples


def _workers(job: Job, device: torch.device) -> int:
    if job.workers is not None:
        return job.workers
    return GPU_WORKERS if device.type == 'cuda' else 0


def _lent(trainer: Trainer, lent: Lent, start: Bundle) -> str:
    """Return a message on what was taken from a model."""
    if not lent.tensors:
        return (
            f'the run in {trainer.folder.path} has begun: it keeps its weights, not those of '
            f'{start.name}'
        )
    taken = f'{len(lent.tensors)} of {len(trainer.network.state_dict())} tensors'
    classes = f'the classes {", ".join(lent.classes)}' if lent.classes else 'no class'
    if lent.classes == trainer.classes:
        classes = 'all classes'
    return f'{taken} are taken from {start.name}, with {classes}'


def _curves(
    folder: Path, labels: Labels, epoch: int, say: Callable[[str], None]
) -> Curves | None:
    """Return `Curves`, or say why there are none and return None: training does not need them."""
    try:
        return Curves(folder, labels, epoch)
    except ImportError:
        say(f'no curves for TensorBoard: it is not installed: {how_to_get("tensorboard")}')
    except OSError as error:
        say(f'no curves for TensorBoard: {folder} cannot be written ({error.strerror})')
    return None


def _write(job: Job, trainer: Trainer, val: Dataset) -> Calibration:
    trained = trainer.last_epoch() if job.last else trainer.best_epoch()
    height, width = val.samples[0].truth.shape
    description = ModelDescription(
        name=job.name, architecture=job.recipe.architecture_of(len(val.labels)),
        labels=val.labels, size_wh=(width, height), mean=tuple(trained.mean),
        std=tuple(trained.std), input_scale=1.0, metrics={},
        licence=job.licence or trainer.licence or 'not stated',
    )  # fmt: skip
    calibration = calibrate(trained.network, val.samples, description)
    description = description_like(
        description, metrics=calibration.metrics, temperature=calibration.temperature
    )
    write_network(trained.network, description, job.output)
    return calibration
