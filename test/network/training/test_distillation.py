"""A teacher whose opinion is known by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import DatasetError
from espnet_ros.core.labels import LabelClass, Labels
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.espnet import create_network
from espnet_ros.network.export import write_bundle_from_network
from espnet_ros.network.training.datasets import Sample
from espnet_ros.network.training.distillation import Teacher, distillation_loss, read_classes
from espnet_ros.network.training.processes import Processes

LABELS = Labels([LabelClass('a', (1, 0, 0), 'ground'), LabelClass('b', (2, 0, 0), 'sky')])


def test_the_loss_by_hand() -> None:
    # Every 2 x 2 pixels, both equally likely for the pupil: ln 2 whatever the teacher says.
    opinion = torch.tensor([[[[230, 25]]]], dtype=torch.uint8)
    assert float(distillation_loss(torch.zeros(1, 2, 2, 2), opinion)) == pytest.approx(math.log(2))
    # The mean score of the four is ln 3: probabilities 3/4 and 1/4 under 1 and 0: -ln(3/4).
    logits = torch.zeros(1, 2, 2, 2)
    logits[0, 0] = math.log(3) + torch.tensor([[1.0, -1.0], [2.0, -2.0]])
    certain = torch.tensor([[[[255, 0]]]], dtype=torch.uint8)
    assert float(distillation_loss(logits, certain)) == pytest.approx(-math.log(0.75))
    # Rounding, or the edge of a view, must not make an opinion weigh less.
    faint = torch.tensor([[[[100, 0]]]], dtype=torch.uint8)
    assert float(distillation_loss(logits, faint)) == pytest.approx(-math.log(0.75))


def test_of_an_encoder_alone_the_loss_is_of_the_mean_opinion() -> None:
    # 8 x 16 pixels: 4 x 8 opinions, 1 x 2 scores. Right half: sure of class 1.
    opinion = torch.zeros(1, 4, 8, 2, dtype=torch.uint8)
    opinion[0, :2, :4, 0] = 255
    opinion[0, 2:, :4, 1] = 255
    opinion[0, :, 4:, 1] = 255
    logits = torch.tensor([[[[0.0, 0.0]], [[0.0, math.log(3.0)]]]])
    expected = (math.log(2) - math.log(0.75)) / 2
    assert float(distillation_loss(logits, opinion)) == pytest.approx(expected)


@pytest.fixture(scope='module')
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Return a model of three classes in another order, one of them unknown to the pupil."""
    torch.manual_seed(0)
    architecture = {'name': 'espnet', 'classes': 3, 'alpha2': 1, 'alpha3': 1, 'skip': 'joined'}
    folder: Path = tmp_path_factory.mktemp('models') / 'teacher'
    write_bundle_from_network(
        create_network(**architecture).eval(), architecture,
        labels=Labels([
            LabelClass('b', (1, 0, 0), 'sky'), LabelClass('c', (2, 0, 0), 'sky'),
            LabelClass('a', (3, 0, 0), 'ground'),
        ]),
        size_wh=(64, 48), mean=(10.0, 20.0, 30.0), std=(40.0, 50.0, 60.0), input_scale=0.5,
        metrics={}, licence='none', name='teacher', output=folder,
    )  # fmt: skip
    return Bundle.load(folder)


def test_probabilities_are_of_the_pupils_classes_in_its_order(bundle: Bundle) -> None:
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), np.uint8)
    probabilities = Teacher(bundle, LABELS, torch.device('cpu')).probabilities(image)
    assert probabilities.shape == (1, 2, 32, 48)
    pixels = (image[0].astype(np.float64) - [10, 20, 30]) / [40, 50, 60] * 0.5
    with torch.no_grad():
        logits = load_bundle(bundle)(torch.tensor(pixels.transpose(2, 0, 1)[None]).float())
    share = 1 / (1 + np.exp((logits[0, 0] - logits[0, 2]).numpy()))
    np.testing.assert_allclose(probabilities[0, 0].numpy(), share, atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(1).numpy(), 1, atol=1e-5)


def test_its_opinion_is_the_mean_over_mirror_images_and_blocks(bundle: Bundle) -> None:
    teacher = Teacher(bundle, LABELS, torch.device('cpu'))
    image = np.random.default_rng(0).integers(0, 256, (32, 48, 3), np.uint8)
    (taught,) = teacher.teach([Sample('a', image, np.zeros((32, 48), np.uint8))], Processes())
    assert taught.opinion is not None and taught.opinion.shape == (16, 24, 2)
    seen = teacher.probabilities(image[None])[0].numpy()
    mirrored = teacher.probabilities(image[None, :, ::-1].copy())[0].numpy()[..., ::-1]
    block = ((seen + mirrored) / 2)[:, 10:12, 6:8].mean((1, 2))
    np.testing.assert_allclose(taught.opinion[5, 3], 255 * block, atol=0.51)


def test_opinions_lie_in_one_block_so_that_the_networks_tensors_leave_no_holes(
    bundle: Bundle,
) -> None:
    teacher = Teacher(bundle, LABELS, torch.device('cpu'))
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 48, 3), np.uint8)
    samples = [Sample('', image, np.zeros((32, 48), np.uint8)) for image in images]
    taught = [sample.opinion for sample in teacher.teach(samples, Processes())]
    for image, opinion in zip(images, taught, strict=True):
        np.testing.assert_array_equal(opinion, teacher.opinion(image))
    first = taught[0].base
    assert first is not None and all(opinion.base is first for opinion in taught)


def test_images_that_it_cannot_take_are_refused(bundle: Bundle) -> None:
    odd = Sample('odd', np.zeros((50, 61, 3), np.uint8), np.zeros((50, 61), np.uint8))
    with pytest.raises(DatasetError, match=r'taught images must be .* got 61x50'):
        Teacher(bundle, LABELS, torch.device('cpu')).teach([odd], Processes())


def test_a_teacher_of_other_classes_is_refused(bundle: Bundle) -> None:
    labels = Labels([*LABELS, LabelClass('d', (3, 0, 0), 'ground')])
    with pytest.raises(DatasetError, match=r'teacher does not know d: .* it has b, c, a'):
        Teacher(bundle, labels, torch.device('cpu'))


def test_a_learned_class_is_as_likely_as_the_classes_it_is_made_of(bundle: Bundle) -> None:
    labels = Labels([LabelClass('x', (1, 0, 0), 'ground'), LabelClass('y', (2, 0, 0), 'sky')])
    device = torch.device('cpu')
    image = np.random.default_rng(0).integers(0, 256, (1, 32, 48, 3), np.uint8)
    # b, c and a by themselves: the two that make up x are added.
    own = Teacher(bundle, bundle.labels, device).probabilities(image).numpy()
    merged = Teacher(bundle, labels, device, {'y': ['c'], 'x': ['a', 'b']})
    expected = np.stack([own[:, 0] + own[:, 2], own[:, 1]], 1)
    np.testing.assert_allclose(merged.probabilities(image).numpy(), expected, atol=1e-5)
    # What it says of c is left out.
    without = Teacher(bundle, labels, device, {'y': ['b'], 'x': ['a']})
    share = own[:, 2] / (own[:, 0] + own[:, 2])
    np.testing.assert_allclose(without.probabilities(image)[:, 0].numpy(), share, atol=1e-5)


@pytest.mark.parametrize(
    ('classes', 'problem'),
    [
        ({'a': ['b']}, 'b has no teacher class'),
        ({'a': ['b'], 'b': []}, 'b has no teacher class'),
        ({'a': ['b'], 'b': ['c'], 'z': ['a']}, 'z is not learned'),
        ({'a': ['b', 'q'], 'b': ['c']}, 'it has no q'),
        ({'a': ['b', 'c'], 'b': ['c']}, 'c is used twice'),
    ],
)
def test_classes_that_do_not_fit_are_named(
    bundle: Bundle, classes: dict[str, list[str]], problem: str
) -> None:
    words = f'refused: {problem}; the learned classes are a, b; it has b, c'
    with pytest.raises(DatasetError, match=words):
        Teacher(bundle, LABELS, torch.device('cpu'), classes)


def test_classes_are_read(tmp_path: Path) -> None:
    file = tmp_path / 'classes.yaml'
    file.write_text('Road: [road, lane]\nSky: [sky]\n')
    assert read_classes(file) == {'Road': ['road', 'lane'], 'Sky': ['sky']}


@pytest.mark.parametrize(
    ('text', 'problem'),
    [
        ('', 'expected a line for each learned class, .* got None: None'),
        ('- road\n', 'expected a line for each learned class, .* got None: None'),
        ('Road: road\n', "got 'Road': 'road'"),
        ('Road: [no]\n', r"in quotes\), got 'Road': \[False\]"),
        ('1: [road]\n', r"got 1: \['road'\]"),
        ('Road: [', 'expected YAML, but line 1: '),
    ],
)
def test_other_files_of_classes_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    file = tmp_path / 'classes.yaml'
    file.write_text(text)
    with pytest.raises(DatasetError, match=problem):
        read_classes(file)
    with pytest.raises(DatasetError, match=r'none\.yaml cannot be read: No such file'):
        read_classes(tmp_path / 'none.yaml')
