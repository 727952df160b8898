import argparse
import collections
import json
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import setuptools

torch = pytest.importorskip('torch')
onnx = pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
pytest.importorskip('safetensors')

from espnet_ros.bundle import Bundle, shipped_models
from espnet_ros.cli import export as export_verb
from espnet_ros.core.errors import (
    BackendUnavailableError,
    BundleError,
    DatasetError,
    ParameterError,
)
from espnet_ros.core.labels import CAMVID
from espnet_ros.network import export
from espnet_ros.network.checkpoint import load_bundle
from espnet_ros.network.deploy import DeploymentGraph
from espnet_ros.network.espnet import create_network
from espnet_ros.network.training import datasets

ROOT = Path(__file__).parents[2]
ARCHITECTURE = {'name': 'espnet', 'classes': 11, 'alpha2': 1, 'alpha3': 2, 'skip': 'joined'}
INPUT = {'mean': (100.0, 110.0, 120.0), 'std': (60.0, 70.0, 80.0), 'input_scale': 1.0}


def write(folder, network, **options):
    return export.write_bundle_from_network(
        network, ARCHITECTURE, CAMVID, (64, 48), **INPUT, metrics={'miou': np.float32(0.5)},
        licence='Apache-2.0', name='tiny', output=folder, **options,
    )  # fmt: skip


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    return create_network(**ARCHITECTURE).train()


@pytest.fixture(scope='module')
def bundle(network, tmp_path_factory) -> Bundle:
    return write(tmp_path_factory.mktemp('export') / 'tiny', network)


def test_everything_needed_to_run_is_in_the_folder(bundle, network):
    assert (bundle.name, bundle.size_wh, bundle.labels) == ('tiny', (64, 48), CAMVID)
    assert bundle.metrics == {'miou': 0.5}
    loaded = load_bundle(Bundle.load(bundle.path)).state_dict()
    for key, tensor in network.state_dict().items():
        if not key.endswith('num_batches_tracked'):
            torch.testing.assert_close(loaded[key], tensor, rtol=0, atol=0)


def test_a_missing_library_is_named_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxruntime', None)
    words = 'writing a model needs the Python library onnxruntime, .*: `pip install onnxruntime`'
    with pytest.raises(BackendUnavailableError, match=words):
        export.check_can_write(tmp_path / 'model')


def test_the_extra_for_training_brings_what_writing_a_model_needs(monkeypatch):
    given = {}
    monkeypatch.setattr(setuptools, 'setup', given.update)
    monkeypatch.chdir(ROOT)
    runpy.run_path('setup.py')
    names = {re.match('[a-z-]+', text)[0] for text in given['extras_require']['train']}
    assert {'torch', *export._LIBRARIES} <= names


def test_the_given_network_is_left_as_it_is(bundle, network):
    assert network.training


def test_axes_are_free_and_tensorrt_finds_only_casts_at_uint8(bundle):
    model = onnx.load(bundle.files['onnx'])
    (image,) = model.graph.input
    axes = [d.dim_param or d.dim_value for d in image.type.tensor_type.shape.dim]
    assert axes == ['batch', 'height', 'width', 3]
    readers = [node.op_type for node in model.graph.node if 'image' in node.input]
    writers = [node.op_type for node in model.graph.node for o in node.output
               if o in ('mask', 'confidence')]  # fmt: skip
    assert readers == ['Cast']
    assert writers == ['Cast', 'Cast']


@pytest.fixture(scope='module')
def encoder(tmp_path_factory) -> Bundle:
    architecture = {'name': 'espnet_c', 'classes': 11, 'alpha2': 1, 'alpha3': 2}
    return export.write_bundle_from_network(
        create_network(**architecture), architecture, CAMVID, (64, 48), **INPUT, metrics={},
        licence='Apache-2.0', name='encoder', output=tmp_path_factory.mktemp('export') / 'encoder',
    )  # fmt: skip


def test_no_graph_has_branches(bundle, encoder):
    # An If whose results have two ranks is refused by TensorRT before 10.4 (JetPack 6.1 has 10.3).
    for model in (bundle, encoder, *map(Bundle.load, shipped_models())):
        graphs = [file for role, file in model.files.items() if role.startswith('onnx')]
        assert graphs
        for file in graphs:
            kinds = {node.op_type for node in onnx.load(file).graph.node}
            assert not kinds & {'If', 'Loop', 'Scan'}, file


def test_half_precision_has_the_weights_rounded_and_the_same_masks(bundle):
    import onnxruntime

    model = onnx.load(bundle.files['onnx_f16'])
    types = {t.name: t.data_type for t in model.graph.initializer if len(t.dims) == 4}
    # The normalisation and the head are in float32, and nothing else.
    for name in ('mean', 'factor', 'head.taps.weight'):
        assert types.pop(name) == onnx.TensorProto.FLOAT
    assert set(types.values()) == {onnx.TensorProto.FLOAT16}
    sizes = [bundle.files[role].stat().st_size for role in ('onnx_f16', 'onnx')]
    assert sizes[0] < 0.7 * sizes[1]
    image = np.random.default_rng(3).integers(0, 256, (2, 40, 72, 3), dtype=np.uint8)
    masks = []
    for role in ('onnx', 'onnx_f16'):
        session = onnxruntime.InferenceSession(
            str(bundle.files[role]), providers=['CPUExecutionProvider']
        )
        masks.append(session.run(['mask'], {'image': image})[0])
    assert len(np.unique(masks[0])) > 2
    assert (masks[0] == masks[1]).mean() > 0.98


def test_scores_that_half_precision_can_not_hold_leave_its_file_out(tmp_path, capsys):
    torch.manual_seed(0)
    network = create_network(**ARCHITECTURE)
    with torch.no_grad():
        network.encoder.level1[1].bn.weight.fill_(1e7)
    written = write(tmp_path / 'large', network)
    assert set(written.files) == {'weights', 'onnx'}
    # A sentence, with no file and line of ours before it.
    said = capsys.readouterr().err
    assert re.match(r'model_f16\.onnx is left out, because its masks differ: at least 90', said)
    # It is the network's doing, and the rest of the folder is written.
    assert 'nothing was written' not in said and 'report' not in said


def test_a_graph_that_disagrees_with_pytorch_is_not_written(network, tmp_path, monkeypatch):
    exported = torch.onnx.export

    def of_another_network(graph, *args, **options):
        other = create_network(**ARCHITECTURE).eval()
        exported(DeploymentGraph(other, **INPUT), *args, **options)

    monkeypatch.setattr(torch.onnx, 'export', of_another_network)
    words = r'^nothing was written, .* at least 99\.9% .* report it$'
    with pytest.raises(BundleError, match=words):
        write(tmp_path / 'bad', network)
    assert list(tmp_path.iterdir()) == []


def test_every_backend_has_the_temperature_of_the_folder(network, tmp_path):
    from espnet_ros.backends import create_backend

    image = np.random.default_rng(2).integers(0, 256, (1, 48, 64, 3), dtype=np.uint8)

    def confidence(temperature, name):
        bundle = write(tmp_path / f'{temperature}', network, temperature=temperature)
        assert bundle.temperature == temperature
        with create_backend(name, bundle, 'cpu', 'f32') as backend:
            return backend.infer(image)[1].astype(int)

    plain = confidence(1.0, 'torch')
    for name in ('torch', 'onnx'):
        assert confidence(0.25, name).mean() > plain.mean() + 5
    onnx_levels, torch_levels = (confidence(0.25, name) for name in ('onnx', 'torch'))
    assert np.abs(onnx_levels - torch_levels).max() <= 1


def run_verb(*arguments) -> int:
    parser = argparse.ArgumentParser()
    export_verb.add_arguments(parser)
    return export_verb.run(parser.parse_args(list(map(str, arguments))))


@pytest.fixture
def loaded(monkeypatch):
    """Return how often each split of each dataset was loaded."""
    counts = collections.Counter()
    load = datasets.load_dataset

    def counted(spec, split):
        counts[spec, split] += 1
        return load(spec, split)

    monkeypatch.setattr(datasets, 'load_dataset', counted)
    return counts


def test_the_verb_refuses_the_output_before_the_work(bundle, tmp_path, loaded):
    (tmp_path / 'notes').mkdir()
    (tmp_path / 'notes' / 'diary.txt').write_text('mine')
    with pytest.raises(BundleError, match='notes exists and is not a model folder'):
        run_verb(bundle.path, '--output', tmp_path / 'notes', '--calibrate', 'street:2')
    assert not loaded


def test_the_verb_refuses_biases_of_an_encoder_before_the_work(encoder, tmp_path, loaded):
    more = ('--class-bias', 'street:2', '--calibrate', 'street:2', '--int8', 'street:2')
    with pytest.raises(ParameterError, match='need the whole ESPNet, this model is an encoder'):
        run_verb(encoder.path, '--output', tmp_path / 'out', *more)
    assert not loaded


def test_the_verb_reads_a_dataset_once_whatever_it_is_for(bundle, tmp_path, loaded, monkeypatch):
    monkeypatch.setattr('espnet_ros.network.quantize.MAX_LOSS', 1.0)
    more = (
        '--calibrate', 'street:2', '--int8', 'street:2', '--class-bias', 'street:2', 'street:1',
    )  # fmt: skip
    assert run_verb(bundle.path, '--output', tmp_path / 'out', *more) == 0
    assert loaded == {('street:2', 'val'): 1, ('street:1', 'val'): 1, ('street:2', 'train'): 1}


def test_int8_is_not_compared_on_void_alone(bundle, tmp_path, monkeypatch):
    def void(spec, split):
        sample = datasets.Sample('s', np.zeros((48, 64, 3), np.uint8), np.full((48, 64), 255))
        return datasets.Dataset(CAMVID, [sample])

    def never(*_, **__):
        raise AssertionError('worked in vain')

    monkeypatch.setattr(datasets, 'load_dataset', void)
    monkeypatch.setattr('espnet_ros.network.quantize.quantize_onnx', never)
    monkeypatch.setattr(export, 'write_bundle_like', never)
    words = r'no image of site\.yaml val has a labelled pixel \(1 looked at, '
    with pytest.raises(DatasetError, match=words):
        run_verb(bundle.path, '--output', tmp_path / 'out', '--int8', 'site.yaml')


def test_what_the_verb_wrote_is_there_though_nobody_reads_what_it_prints(
    bundle, tmp_path, monkeypatch
):
    def left(*_, **__):
        raise BrokenPipeError

    monkeypatch.setattr('builtins.print', left)
    more = ('--calibrate', 'street:1', '--json', tmp_path / 'f.json')
    with pytest.raises(BrokenPipeError):
        run_verb(bundle.path, '--output', tmp_path / 'out', *more)
    figures = json.loads((tmp_path / 'f.json').read_text())
    assert Bundle.load(tmp_path / 'out').temperature == figures['temperature']


def test_the_verb_keeps_or_fits_the_temperature(network, tmp_path, capsys):
    source = write(tmp_path / 'source', network, temperature=1.5)
    parser = argparse.ArgumentParser()
    export_verb.add_arguments(parser)
    arguments = [str(source.path), '--output', str(tmp_path / 'a')]
    assert export_verb.run(parser.parse_args(arguments)) == 0
    assert Bundle.load(tmp_path / 'a').temperature == 1.5
    arguments = [str(source.path), '--output', str(tmp_path / 'b'), '--calibrate', 'street:2']
    assert export_verb.run(parser.parse_args(arguments)) == 0
    fitted = Bundle.load(tmp_path / 'b').temperature
    assert f'temperature {fitted}, expected calibration error' in capsys.readouterr().out


def test_the_verb_fits_biases_of_classes_and_says_so(network, tmp_path, capsys, monkeypatch):
    source = write(tmp_path / 'source', network, temperature=1.5)
    parser = argparse.ArgumentParser()
    export_verb.add_arguments(parser)
    arguments = [str(source.path), '--output', str(tmp_path / 'a'), '--class-bias', 'street:2']
    with pytest.raises(ParameterError, match='changes the confidence: give --calibrate SPEC'):
        export_verb.run(parser.parse_args(arguments))
    arguments += ['street:3', '--calibrate', 'street:2']
    assert export_verb.run(parser.parse_args(arguments)) == 0
    text = capsys.readouterr().out
    # A network that has learned nothing is all one class, which any bias makes better.
    assert re.search(r'class biases: Sky [+-][\d.]+, Building ', text)
    assert re.search(r'fitted on one half of the images, on the other [\d.]+ -> ', text)
    biased = Bundle.load(tmp_path / 'a')
    assert biased.architecture == {**ARCHITECTURE, 'class_bias': True}
    assert {'val_miou_void_ignored', 'val_ece', 'miou'} == set(biased.metrics)
    assert load_bundle(biased).up1.bias.abs().max() > 0


def test_verb_mends_a_folder_whose_onnx_is_lost(bundle, network, tmp_path, capsys):
    folder = write(tmp_path / 'lost', network).path
    (folder / 'model.onnx').unlink()
    with pytest.raises(BundleError, match=r'model\.onnx cannot be read'):
        Bundle.load(folder)
    parser = argparse.ArgumentParser()
    export_verb.add_arguments(parser)
    figures = tmp_path / 'figures.json'
    arguments = [str(folder), '--output', str(folder), '--json', str(figures)]
    assert export_verb.run(parser.parse_args(arguments)) == 0
    mended = Bundle.load(folder)
    assert mended.sha256 == bundle.sha256
    assert json.loads(figures.read_text())['sha256'] == dict(mended.sha256)
    assert mended.sha256['onnx'] in capsys.readouterr().out
