import argparse
import dataclasses
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip('torch')
onnx = pytest.importorskip('onnx')
onnxruntime = pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from espnet_ros.bundle import Bundle
from espnet_ros.cli import export as export_verb
from espnet_ros.core.errors import BundleError, DatasetError
from espnet_ros.core.labels import CAMVID
from espnet_ros.core.resize import image_at
from espnet_ros.network import export, quantize
from espnet_ros.network.espnet import create_network
from espnet_ros.network.training.datasets import Sample

ARCHITECTURE = {'name': 'espnet', 'classes': 11, 'alpha2': 1, 'alpha3': 1, 'skip': 'joined'}
INPUT = {'mean': (100.0, 110.0, 120.0), 'std': (60.0, 70.0, 80.0), 'input_scale': 1.0}


def write(folder, seed) -> Bundle:
    torch.manual_seed(seed)
    return export.write_bundle_from_network(
        create_network(**ARCHITECTURE), ARCHITECTURE, CAMVID, (64, 48), **INPUT, metrics={},
        licence='Apache-2.0', name='tiny', output=folder,
    )  # fmt: skip


def masks(file, images):
    session = onnxruntime.InferenceSession(str(file), providers=['CPUExecutionProvider'])
    return session.run(['mask'], {'image': np.stack(images)})[0]


@pytest.fixture(scope='module')
def source(tmp_path_factory) -> Bundle:
    return write(tmp_path_factory.mktemp('quantize') / 'tiny', 0)


@pytest.fixture(scope='module')
def samples(source) -> list[Sample]:
    """Return images and what the float32 model says of them as their truth."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(5)]
    truths = masks(source.files['onnx'], images)
    return [Sample(str(i), *pair) for i, pair in enumerate(zip(images, truths, strict=True))]


@pytest.fixture(scope='module')
def graph(source, samples):
    content = quantize.quantize_onnx(
        source.files['onnx_f16'].read_bytes(), [sample.image for sample in samples]
    )
    return onnx.load_model_from_string(content).graph


@pytest.fixture
def copy(source, tmp_path):
    return Bundle.load(shutil.copytree(source.path, tmp_path / 'tiny'))


def test_all_convolutions_but_those_of_the_image_and_the_last_read_int8(graph):
    writers = {output: node for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == 'Conv']
    assert len(convolutions) > 20 and convolutions[0].input[0] not in {
        node.output[0] for node in graph.node if node.op_type == 'DequantizeLinear'
    }
    for node in convolutions:
        kinds = {writers[name].op_type for name in node.input[:2] if name in writers}
        inside = node.input[0] != convolutions[0].input[0] and node is not convolutions[-1]
        assert ('DequantizeLinear' in kinds) == inside, node.name
        if inside:
            assert kinds == {'DequantizeLinear'}, node.name
    # What TensorRT fuses behind a convolution starts with its output as it is.
    outputs = {node.output[0] for node in convolutions[:-1]}
    shared = {node.input[0] for node in graph.node if node.op_type == 'QuantizeLinear'} & outputs
    readers = {name: [n.op_type for n in graph.node if name in n.input] for name in shared}
    # Of each of the five ESP modules the convolution that reduces the channels.
    assert list(readers.values()) == [['QuantizeLinear']] * 5


def test_it_is_symmetric_with_a_scale_for_each_channel_of_the_weights(graph):
    tensors = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    quantisers = [node for node in graph.node if node.op_type == 'QuantizeLinear']
    weights = [node for node in quantisers if node.input[0] in tensors]
    assert len(weights) > 20 and len(quantisers) > len(weights)
    for node in quantisers:
        scale, zero = tensors[node.input[1]], tensors[node.input[2]]
        assert zero.dtype == np.int8 and not zero.any()
        assert scale.dtype == np.float16
        if node not in weights:
            assert scale.shape == ()
            continue
        largest = np.abs(tensors[node.input[0]]).max((1, 2, 3))
        np.testing.assert_allclose(scale, largest / 127, rtol=2e-3, atol=1e-7)


def test_parts_of_a_concatenation_are_quantised_and_not_the_whole(graph):
    writers = {output: node for node in graph.node for output in node.output}
    joined = [node for node in graph.node if node.op_type == 'Concat']
    before_int8 = [
        node for node in joined
        if {writers[name].op_type for name in node.input if name in writers}
        == {'QuantizeLinear'}
    ]  # fmt: skip
    assert len(before_int8) == 1
    (whole,) = before_int8
    parts = [writers[name] for name in whole.input]
    assert len(parts) == 2 and len({tuple(part.input[1:]) for part in parts}) == 1
    # The first level's output is quantised for level 2, too, with another scale.
    assert {writers[part.input[0]].op_type for part in parts}.isdisjoint({'DequantizeLinear'})
    (reader,) = (node for node in graph.node if whole.output[0] in node.input)
    assert reader.op_type == 'DequantizeLinear' and reader.input[1] == parts[0].input[1]
    quantised = {node.input[0] for node in graph.node if node.op_type == 'QuantizeLinear'}
    assert quantised.isdisjoint({node.output[0] for node in joined} - _read_twice(graph))


def _read_twice(graph) -> set[str]:
    readers = [name for node in graph.node for name in node.input]
    return {name for name in readers if readers.count(name) > 1}


def test_one_odd_image_does_not_take_the_steps_from_the_others(source, samples):
    def first_scale(images):
        content = quantize.quantize_onnx(source.files['onnx_f16'].read_bytes(), images)
        tensors = onnx.load_model_from_string(content).graph.initializer
        tensor = next(t for t in tensors if 'norm1' in t.name and t.name.endswith('_scale'))
        return float(onnx.numpy_helper.to_array(tensor))

    grey = [np.full((48, 64, 3), 110 + i, np.uint8) for i in range(9)]
    alone, odd = first_scale(grey), first_scale([samples[0].image])
    assert odd > 3 * alone
    assert first_scale([*grey, samples[0].image]) == pytest.approx(
        0.9 * alone + 0.1 * odd, rel=0.02
    )


def test_the_folder_gets_the_file_and_keeps_the_others(copy, samples, monkeypatch):
    # Noise through an untrained network is mostly near ties.
    monkeypatch.setattr(quantize, 'MAX_LOSS', 0.1)
    written, figures = quantize.add_int8(copy, copy.path, samples, samples)
    loaded = Bundle.load(copy.path)
    assert loaded.sha256 == written.sha256
    assert {r: s for r, s in loaded.sha256.items() if r != 'onnx_int8'} == dict(copy.sha256)
    assert loaded.files['onnx_int8'].name == 'model_int8.onnx'
    assert figures.miou_f32 == 1.0
    assert loaded.metrics == {'int8_val_miou_void_ignored': round(figures.miou_int8, 4)}
    images = [sample.image for sample in samples]
    same = masks(loaded.files['onnx_int8'], images) == masks(copy.files['onnx'], images)
    assert figures.agreement == pytest.approx(same.mean(), abs=1e-3)
    assert same.mean() > 0.9


def test_too_dear_nothing_is_written_but_the_figures(copy, samples, tmp_path, monkeypatch):
    other = write(tmp_path / 'other', 1).files['onnx'].read_bytes()
    monkeypatch.setattr(quantize, 'quantize_onnx', lambda model, images: other)
    words = r'nothing was .* cost 1\.0 points.*mIoU 100\.00 in float32, \d+\.\d+ in int8'
    with pytest.raises(BundleError, match=words):
        quantize.add_int8(copy, copy.path, samples, samples)
    assert 'onnx_int8' not in Bundle.load(copy.path).files


def test_it_needs_the_float16_graph(copy, samples):
    files = {role: file for role, file in copy.files.items() if role != 'onnx_f16'}
    with pytest.raises(BundleError, match=r'needs model_f16\.onnx, but model tiny does not'):
        quantize.add_int8(dataclasses.replace(copy, files=files), copy.path, samples, samples)


def test_only_so_many_images_calibrate_evenly_spaced_and_in_the_size_of_the_model(
    copy, samples, monkeypatch
):
    taken = []
    monkeypatch.setattr(quantize, 'CALIBRATION_IMAGES', 2)
    monkeypatch.setattr(
        quantize, 'quantize_onnx',
        lambda model, images: taken.extend(images) or copy.files['onnx'].read_bytes(),
    )  # fmt: skip
    large = [
        SimpleNamespace(image=np.full((96, 128, 3), shade, np.uint8)) for shade in range(5)
    ]
    _, figures = quantize.add_int8(copy, copy.path, large, samples)
    assert [(image.shape, int(image.max())) for image in taken] == [
        ((48, 64, 3), 0), ((48, 64, 3), 3),
    ]  # fmt: skip
    assert (figures.miou_int8, figures.agreement, figures.images) == (1.0, 1.0, 5)


def test_labels_of_another_size_are_read_at_the_pixels_of_the_model(copy, samples, monkeypatch):
    monkeypatch.setattr(
        quantize, 'quantize_onnx', lambda model, images: copy.files['onnx'].read_bytes()
    )
    image = np.random.default_rng(1).integers(0, 256, (72, 96, 3), np.uint8)
    truth = np.full((72, 96), 255, np.uint8)
    # Pixel i of the model has its centre in pixel 1.5 i + 0.25 of the label; the rest is void.
    rows, columns = (np.floor(1.5 * np.arange(n) + 0.75).astype(int) for n in (48, 64))
    truth[np.ix_(rows, columns)] = masks(copy.files['onnx'], [image_at(image, (64, 48))])[0]
    _, figures = quantize.add_int8(copy, copy.path, samples, [Sample('s', image, truth)])
    assert (figures.miou_f32, figures.miou_int8, figures.images) == (1.0, 1.0, 1)


def test_the_verb_says_what_int8_costs(copy, tmp_path, capsys, monkeypatch):
    # An untrained network is right by chance only.
    monkeypatch.setattr(quantize, 'MAX_LOSS', 1.0)
    parser = argparse.ArgumentParser()
    export_verb.add_arguments(parser)
    out, figures = str(tmp_path / 'out'), tmp_path / 'figures.json'
    arguments = [str(copy.path), '--output', out, '--int8', 'street:2', '--json', str(figures)]
    export_verb.run(parser.parse_args(arguments))
    shown = capsys.readouterr().out
    assert 'int8 on street:2: class mIoU' in shown and 'model_int8.onnx: ' in shown
    assert json.loads(figures.read_text())['int8']['images'] == 2
    assert 'onnx_int8' in Bundle.load(out).files
    export_verb.run(parser.parse_args([out, '--output', out, '--json', str(figures)]))
    assert 'model_int8.onnx is left out: give --int8 SPEC' in capsys.readouterr().out
    assert json.loads(figures.read_text())['int8'] is None
    again = Bundle.load(out)
    assert 'onnx_int8' not in again.files and again.metrics == {}


def test_a_verb_that_fails_leaves_the_int8_that_is_there(copy, tmp_path, monkeypatch):
    monkeypatch.setattr(quantize, 'MAX_LOSS', 1.0)
    parser = argparse.ArgumentParser()
    export_verb.add_arguments(parser)
    out = str(tmp_path / 'out')
    export_verb.run(parser.parse_args([str(copy.path), '--output', out, '--int8', 'street:2']))
    before = Bundle.load(out)
    with pytest.raises(DatasetError):
        export_verb.run(parser.parse_args([out, '--output', out, '--int8', 'camvid:/nowhere']))
    monkeypatch.setattr(quantize, 'MAX_LOSS', -1.0)
    with pytest.raises(BundleError, match='nothing was written'):
        export_verb.run(parser.parse_args([out, '--output', out, '--int8', 'street:2']))
    assert Bundle.load(out).sha256 == before.sha256 and 'onnx_int8' in before.files
