"""Model folders are found, and checked when they are loaded."""

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml
from tiny_bundle import LABELS, onnx, safetensors, save

from espnet_ros import bundle as bundle_module
from espnet_ros.bundle import Bundle, find_bundle, shipped_models
from espnet_ros.core.errors import BundleError


def change(folder, **changes) -> None:
    """Change keys of model.yaml; None takes one out."""
    file = folder / 'model.yaml'
    data = yaml.safe_load(file.read_text()) | changes
    file.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}))


def refusal(folder) -> str:
    with pytest.raises(BundleError) as error:
        Bundle.load(folder)
    return str(error.value)


def test_a_folder_without_a_temperature_has_1(folder):
    change(folder, temperature=None)
    assert Bundle.load(folder).temperature == 1.0


@pytest.mark.parametrize('wrong', [0, -1.0, 'warm', float('nan')])
def test_a_temperature_that_is_none_is_refused(folder, wrong):
    change(folder, temperature=wrong)
    assert 'temperature must be a number above 0' in refusal(folder)


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Ship two models from a share folder of our own."""
    monkeypatch.setattr(bundle_module, 'share_directory', lambda: tmp_path / 'share')
    for name in ('espnet_camvid', 'espnet_street'):
        save(tmp_path / 'share' / 'models' / name)
    return tmp_path / 'share' / 'models'


def test_what_was_saved_is_loaded(folder):
    bundle = Bundle.load(str(folder))
    assert bundle.name == 'tiny'
    assert bundle.architecture == {'name': 'espnet_c', 'classes': 3, 'alpha2': 2, 'alpha3': 8}
    assert (bundle.size_wh, bundle.channel_order) == ((64, 48), 'BGR')
    assert (bundle.mean, bundle.std) == ((10.5, 20.0, 30.0), (40.0, 50.0, 60.0))
    assert bundle.input_scale == 1 / 255
    assert bundle.labels == LABELS
    assert (bundle.metrics, bundle.licence) == ({'miou': 0.5}, 'MIT')
    for role, content in (('weights', safetensors(3)), ('onnx', onnx(3))):
        assert bundle.files[role].read_bytes() == content
        assert bundle.sha256[role] == hashlib.sha256(content).hexdigest()


def test_a_folder_without_description_is_refused(tmp_path):
    words = (
        r'not a model folder: model\.yaml cannot be read \(No such file or directory\); expected '
        r'model\.yaml, .* of a network of the ESPNet family, the only kind that runs here'
    )
    with pytest.raises(BundleError, match=words):
        Bundle.load(tmp_path)


def test_missing_files_are_all_named(folder):
    (folder / 'weights.safetensors').unlink()
    (folder / 'model.onnx').unlink()
    message = refusal(folder)
    assert 'weights.safetensors cannot be read' in message
    assert 'model.onnx cannot be read' in message
    assert 'espnet_ros export' in message


def test_only_the_asked_for_files_have_to_be_there(folder):
    (folder / 'model.onnx').unlink()
    assert list(Bundle.load(folder, roles=['weights']).files) == ['weights']


def test_the_description_alone_is_enough_for_the_classes(folder):
    for file in folder.iterdir():
        if file.name != 'model.yaml':
            file.unlink()
    bundle = Bundle.load(folder, roles=())
    assert not bundle.files and len(bundle.labels) == 3


def test_a_folder_whose_name_begins_with_a_tilde_is_one(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    folder.rename('~draft')
    assert Bundle.load('~draft').name == 'tiny'
    assert save(Path('~draft')).path == folder.parent / '~draft'


@pytest.mark.parametrize(
    ('content', 'words'),
    [
        (b'', ' is empty or not a mapping: expected the keys format, name'),
        (b'- a list', ' is empty or not a mapping: expected the keys format, name'),
        (b'name: [', ': expected YAML, but line 2: '),
        (b'name: !!python/x 1', ': expected YAML, but line 1: '),
        (b'name: 2024-13-45', ": expected YAML, but a value cannot be read: ValueError('month"),
        (b'\xff', ': expected YAML, but unacceptable character #x00ff: invalid leading UTF-8'),
        (b'\xff\xfe\x00', ': expected YAML, but unacceptable character'),
    ],
)
def test_a_description_that_is_no_yaml_mapping_is_refused(folder, content, words):
    (folder / 'model.yaml').write_bytes(content)
    assert f'{folder}/model.yaml{words}' in refusal(folder)


@pytest.mark.parametrize('name', ['weights.safetensors', 'model.onnx'])
@pytest.mark.parametrize('how', ['truncated', 'one byte', 'empty'])
def test_changed_files_are_refused(folder, name, how):
    content = (folder / name).read_bytes()
    changed = {'truncated': content[:-1], 'one byte': b'x' + content[1:], 'empty': b''}[how]
    (folder / name).write_bytes(changed)
    message = refusal(folder)
    assert f'{name} is not the file that model.yaml was written for: {len(changed)} b' in message
    assert hashlib.sha256(content).hexdigest()[:12] in message


@pytest.mark.parametrize(
    ('contents', 'words'),
    [
        ({'weights': safetensors(5), 'onnx': onnx(3)}, 'weights.safetensors holds a model of 5'),
        ({'weights': safetensors(3), 'onnx': onnx(12)}, 'model.onnx holds a model of 12 classes'),
        (
            {'weights': safetensors(3, 'other.weight'), 'onnx': onnx(3)},
            'weights.safetensors holds a model of unknown classes, expected 3',
        ),
        ({'weights': b'', 'onnx': b'\x0b'}, 'model.onnx holds a model of unknown classes'),
        ({'weights': b'', 'onnx': b'\x72\xff'}, 'weights.safetensors holds a model of unknown'),
    ],
)
def test_files_of_another_class_count_are_refused_though_unchanged(tmp_path, contents, words):
    with pytest.raises(BundleError, match=words):
        save(tmp_path / 'mixed', contents=contents)
    assert list(tmp_path.iterdir()) == []


def test_the_whole_network_keeps_its_classifier_in_the_encoder(tmp_path):
    architecture = {'name': 'espnet', 'classes': 3, 'alpha2': 2, 'alpha3': 8, 'skip': 'raw'}
    weights = safetensors(3, 'encoder.classifier.weight')
    save(
        tmp_path / 'whole',
        architecture=architecture,
        contents={'weights': weights, 'onnx': onnx(3)},
    )


def test_the_graph_in_half_precision_may_be_there(folder):
    contents = {'weights': safetensors(3), 'onnx': onnx(3), 'onnx_f16': onnx(3)}
    assert set(save(folder, contents=contents).files) == set(contents)
    (folder / 'model_f16.onnx').write_bytes(b'damaged')
    assert 'model_f16.onnx is not the file that model.yaml was written for' in refusal(folder)
    assert set(Bundle.load(folder, roles=('onnx',)).files) == {'onnx'}
    contents['onnx_f16'] = onnx(12)
    with pytest.raises(BundleError, match=r'model_f16\.onnx holds a model of 12 classes'):
        save(folder, contents=contents)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'mean': None, 'files': None}, 'model.yaml lacks mean, files'),
        ({'format': 2}, 'format must be 1, got 2'),
        ({'format': True}, 'format must be 1, got True'),
        ({'size_wh': [64, 50]}, r'size_wh must be two multiples of 8 up to 8192, got \[64, 50\]'),
        ({'size_wh': [64]}, 'size_wh must be'),
        ({'size_wh': '64x48'}, 'size_wh must be'),
        ({'channel_order': 'RGB'}, "channel_order must be 'BGR', got 'RGB'"),
        ({'mean': [1, 2]}, 'mean must be three numbers'),
        ({'mean': [1, 2, True]}, 'mean must be three numbers'),
        ({'mean': [1, 2, 10**400]}, 'mean must be three numbers'),
        ({'std': [1, 0, 1]}, 'std must be three numbers above 0'),
        ({'std': [1, float('nan'), 1]}, 'std must be three numbers above 0'),
        ({'input_scale': 'x'}, 'input_scale must be a number above 0'),
        ({'input_scale': True}, 'input_scale must be a number above 0, got True'),
        ({'input_scale': 10**400}, 'input_scale must be a number above 0, got 1000'),
        ({'temperature': True}, 'temperature must be a number above 0, got True'),
        (
            {'temprature': 1.08},
            r'refused: unknown key temprature of model\.yaml \(did you mean temperature\?\)',
        ),
        (
            {'license': 'MIT', 'licence': None},
            r'lacks licence; unknown key license of model\.yaml \(did you mean licence\?\)',
        ),
        ({'zoom': 7}, r'unknown key zoom of model\.yaml \(known are format, .*, temperature\)'),
        ({'licence': 5}, 'licence must be a str, got 5'),
        ({'metrics': [1]}, 'metrics must be a dict'),
        ({'architecture': 'espnet'}, 'architecture must be a mapping'),
        (
            {'architecture': {'name': 'resnet', 'classes': 4, 'alpha2': -1}},
            "architecture.name must be .* got 'resnet': only networks of the ESPNet family run "
            'here; architecture.alpha2 must be .* got -1; '
            'architecture.alpha3 must be .* got None; architecture.classes is 4, but 3 classes',
        ),
        ({'architecture': {'name': ['espnet']}}, r"architecture.name must be .* got \['espnet'\]"),
        (
            {'architecture': {'name': 'espnet', 'classes': 3, 'alpha2': 1, 'alpha3': 1}},
            'architecture.skip must be raw or joined, got None',
        ),
        (
            {'architecture': {'name': 'espnet_c', 'classes': 3, 'alpha2': 1, 'alpha3': 1,
                              'class_bias': 0.5}},
            'architecture.class_bias must be true or false, got 0.5',
        ),
        (
            {'architecture': {'name': 'espnet_c', 'classes': 3, 'alpha2': 1, 'alpha3': True}},
            'architecture.alpha3 must be a whole number, got True',
        ),
        (
            {'architecture': {'name': 'espnet_c', 'classes': 3, 'alpha2': 1, 'alpha3': 1,
                              'skip': 'raw', 'alpha4': 1}},
            r'unknown key architecture\.alpha4 of espnet_c \(did you mean alpha[23]\?\); unknown '
            r'key architecture\.skip of espnet_c \(known are name, classes, alpha2, alpha3\)',
        ),
        ({'classes': 3}, 'classes must be a list'),
        ({'files': {'weights': {}}}, 'files.weights lacks sha256; files lacks onnx'),
        ({'files': []}, 'files lacks weights; files lacks onnx'),
        (
            {'files': {'onnx_f61': {}}},
            r'lacks onnx; unknown key files\.onnx_f61 of model\.yaml \(did you mean onnx_f16\?\)',
        ),
        ({'files': {'onnx_f16': {}}}, 'files lacks onnx; files.onnx_f16 lacks sha256'),
        ({'classes': [{'name': 'a'}] * 3}, 'model folder .*tiny refused: class table refused'),
        (
            {'std': [1, 0, 1], 'classes': [{'name': 'b', 'color_rgb': [0] * 3, 'kind': 'x'}] * 3},
            "tiny refused: std .*; class table refused: .*used 3 times; 'b': kind must be one of",
        ),
    ],
)
def test_what_does_not_fit_in_the_description_is_named(folder, changes, words):
    change(folder, **changes)
    with pytest.raises(BundleError, match=words):
        Bundle.load(folder)


def test_a_key_that_is_no_text_is_unknown_as_well(folder):
    with (folder / 'model.yaml').open('a') as file:
        file.write('7: x\n')
    assert 'refused: unknown key 7 of model.yaml (known are' in refusal(folder)


def test_shipped_models_are_found_by_name(shipped):
    assert shipped_models() == ['espnet_camvid', 'espnet_street']
    assert find_bundle('espnet_camvid') == shipped / 'espnet_camvid'
    assert Bundle.load('espnet_camvid').path == shipped / 'espnet_camvid'


def test_unknown_models_come_with_the_shipped_and_the_nearest_name(shipped):
    words = r"no model 'espnet_camvit'.*\(espnet_camvid, espnet_street\).*mean 'espnet_camvid'\?"
    with pytest.raises(BundleError, match=words):
        find_bundle('espnet_camvit')
    with pytest.raises(BundleError, match=r'espnet_street\)$'):
        find_bundle('/nowhere/else')


def test_of_a_file_the_folder_is_asked_for(shipped):
    file = shipped / 'espnet_camvid' / 'model.onnx'
    with pytest.raises(BundleError) as caught:
        find_bundle(file)
    told = str(caught.value)
    assert told.startswith(f"no model '{file}': it is neither a folder nor one of the shipped")
    assert told.endswith('; name the folder that holds it')


def test_a_folder_of_the_same_name_does_not_hide_a_shipped_model(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'espnet_camvid').mkdir()
    assert find_bundle('espnet_camvid') == shipped / 'espnet_camvid'
    shutil.copytree(shipped / 'espnet_street', 'espnet_camvid', dirs_exist_ok=True)
    assert find_bundle('espnet_camvid').resolve() == tmp_path / 'espnet_camvid'
