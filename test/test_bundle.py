import errno
import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
import yaml

from espnet_ros import bundle as bundle_module
from espnet_ros.bundle import (
    Bundle,
    check_replaceable,
    find_bundle,
    save_bundle,
    shipped_models,
)
from espnet_ros.bundle_checks import CLASSES_KEY
from espnet_ros.core.errors import BundleError
from espnet_ros.core.labels import LabelClass, Labels

LABELS = Labels([LabelClass(n, (1, 2, 3), 'ground') for n in ('road', 'kerb', 'rail')])


def safetensors(classes: int, name: str = 'classifier.weight') -> bytes:
    shape = {'dtype': 'F32', 'shape': [classes, 1, 1, 1], 'data_offsets': [0, 4 * classes]}
    header = json.dumps({'__metadata__': {'format': 'pt'}, name: shape}).encode()
    return len(header).to_bytes(8, 'little') + header + bytes(4 * classes)


def onnx(classes: int) -> bytes:
    """Return a ModelProto with ir_version 8 (field 1), a graph of 300 bytes and metadata."""
    key, value = CLASSES_KEY.encode(), str(classes).encode()
    entry = b'\x0a' + bytes([len(key)]) + key + b'\x12' + bytes([len(value)]) + value
    graph = b'\x3a' + b'\xac\x02' + bytes(300)
    return b'\x08\x08' + graph + b'\x72' + bytes([len(entry)]) + entry


def save(folder, **changes) -> Bundle:
    parts = {
        'architecture': {'name': 'espnet_c', 'classes': 3, 'alpha2': 2, 'alpha3': 8},
        'size_wh': (64, 48),
        'mean': (10.5, 20, 30),
        'std': (40, 50, 60),
        'input_scale': 1 / 255,
        'labels': LABELS,
        'metrics': {'miou': 0.5},
        'licence': 'MIT',
        'contents': {'weights': safetensors(3), 'onnx': onnx(3)},
    }
    return save_bundle(folder, **(parts | changes))


def change(folder, **changes) -> None:
    """Change keys of model.yaml; None takes one out."""
    file = folder / 'model.yaml'
    data = yaml.safe_load(file.read_text()) | changes
    file.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}))


def refusal(folder) -> str:
    with pytest.raises(BundleError) as error:
        Bundle.load(folder)
    return str(error.value)


@pytest.fixture
def folder(tmp_path):
    return save(tmp_path / 'tiny').path


@pytest.fixture
def before(monkeypatch):
    """Return a function that lets another one, which may raise, go before a method of Path."""

    def put(name, act):
        method = getattr(Path, name)

        def act_first(path, *arguments):
            act(path, *arguments)
            return method(path, *arguments)

        monkeypatch.setattr(Path, name, act_first)

    return put


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


def test_others_may_read_what_was_saved(folder):
    assert folder.stat().st_mode & 0o777 == 0o777 & ~umask()


def umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


def test_a_folder_without_description_is_refused(tmp_path):
    words = r'no model folder: model\.yaml can not be read \(No such file or directory\)'
    with pytest.raises(BundleError, match=words):
        Bundle.load(tmp_path)


def test_missing_files_are_all_named(folder):
    (folder / 'weights.safetensors').unlink()
    (folder / 'model.onnx').unlink()
    message = refusal(folder)
    assert 'weights.safetensors can not be read' in message
    assert 'model.onnx can not be read' in message
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
        (b'', ' is empty or no mapping: expected the keys format, name'),
        (b'- a list', ' is empty or no mapping: expected the keys format, name'),
        (b'name: [', ': expected YAML, but line 2: '),
        (b'name: !!python/x 1', ': expected YAML, but line 1: '),
        (b'name: 2024-13-45', ": expected YAML, but a value can not be read: ValueError('month"),
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
    assert f'{name} is not the file model.yaml was written for: {len(changed)} bytes' in message
    assert hashlib.sha256(content).hexdigest()[:12] in message


@pytest.mark.parametrize(
    ('contents', 'words'),
    [
        ({'weights': safetensors(5), 'onnx': onnx(3)}, 'weights.safetensors holds a model of 5'),
        ({'weights': safetensors(3), 'onnx': onnx(12)}, 'model.onnx holds a model of 12 classes'),
        (
            {'weights': safetensors(3, 'other.weight'), 'onnx': onnx(3)},
            'weights.safetensors holds a model of unknown classes, 3 are named',
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
    assert 'model_f16.onnx is not the file model.yaml was written for' in refusal(folder)
    assert set(Bundle.load(folder, roles=('onnx',)).files) == {'onnx'}
    contents['onnx_f16'] = onnx(12)
    with pytest.raises(BundleError, match=r'model_f16\.onnx holds a model of 12 classes'):
        save(folder, contents=contents)


@pytest.mark.parametrize(
    ('changes', 'words'),
    [
        ({'mean': None, 'files': None}, 'model.yaml lacks mean, files'),
        ({'format': 2}, 'format must be 1, got 2'),
        ({'size_wh': [64, 50]}, r'size_wh must be two multiples of 8 up to 8192, got \[64, 50\]'),
        ({'size_wh': [64]}, 'size_wh must be'),
        ({'size_wh': '64x48'}, 'size_wh must be'),
        ({'channel_order': 'RGB'}, "channel_order must be 'BGR', got 'RGB'"),
        ({'mean': [1, 2]}, 'mean must be three numbers'),
        ({'std': [1, 0, 1]}, 'std must be three numbers above 0'),
        ({'std': [1, float('nan'), 1]}, 'std must be three numbers above 0'),
        ({'input_scale': 'x'}, 'input_scale must be a number above 0'),
        ({'licence': 5}, 'licence must be a str, got 5'),
        ({'metrics': [1]}, 'metrics must be a dict'),
        ({'architecture': 'espnet'}, 'architecture must be a mapping'),
        (
            {'architecture': {'name': 'resnet', 'classes': 4, 'alpha2': -1}},
            "architecture.name must be .* got 'resnet'; architecture.alpha2 must be .* got -1; "
            'architecture.alpha3 must be .* got None; architecture.classes is 4, but 3 classes',
        ),
        ({'architecture': {'name': ['espnet']}}, r"architecture.name must be .* got \['espnet'\]"),
        (
            {'architecture': {'name': 'espnet', 'classes': 3, 'alpha2': 1, 'alpha3': 1}},
            'architecture.skip must be raw or joined, got None',
        ),
        ({'classes': 3}, 'classes must be a list'),
        ({'files': {'weights': {}}}, 'files.weights lacks sha256; files lacks onnx'),
        ({'files': []}, 'files lacks weights; files lacks onnx'),
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


def test_an_older_model_is_replaced_whole(folder):
    contents = {'weights': safetensors(3), 'onnx': onnx(3), 'onnx_int8': onnx(3)}
    save(folder, contents=contents)
    bundle = save(folder, metrics={'miou': 0.75})
    assert bundle.metrics == {'miou': 0.75}
    assert sorted(p.name for p in folder.iterdir()) == [
        'model.onnx', 'model.yaml', 'weights.safetensors',
    ]  # fmt: skip
    assert list(folder.parent.iterdir()) == [folder]


def put_notes(folder) -> None:
    (folder / 'CARD.md').write_text('years of work')
    (folder / 'work' / 'deep').mkdir(parents=True)
    (folder / 'work' / 'deep' / 'state.pt').write_bytes(b'state')
    (folder / 'dangling').symlink_to('nowhere')


def has_notes(folder) -> bool:
    return (
        (folder / 'CARD.md').read_text() == 'years of work'
        and (folder / 'work' / 'deep' / 'state.pt').read_bytes() == b'state'
        and os.readlink(folder / 'dangling') == 'nowhere'
    )


def test_what_else_is_in_the_folder_of_an_older_model_stays(folder):
    put_notes(folder)
    assert save(folder, licence='newer').licence == 'newer'
    assert has_notes(folder)
    assert list(folder.parent.iterdir()) == [folder]


def test_what_can_not_be_carried_over_is_left_and_said_where(folder, before):
    put_notes(folder)

    def refuse_one(path, target):
        if path.name == 'CARD.md':
            raise OSError(errno.EBUSY, 'Device or resource busy')

    before('rename', refuse_one)
    with pytest.raises(BundleError, match=r'^CARD\.md of the replaced .*tiny can not') as error:
        save(folder, licence='newer')
    place = Path(str(error.value).rpartition('look for it in ')[2])
    assert (place / 'CARD.md').read_text() == 'years of work'
    assert (folder / 'work' / 'deep' / 'state.pt').exists()
    assert Bundle.load(folder).licence == 'newer'


def test_a_link_is_written_through(folder, tmp_path):
    link, ahead = tmp_path / 'current', tmp_path / 'ahead'
    link.symlink_to('tiny')
    ahead.symlink_to('later')
    bundle = save(link, licence='newer')
    assert (bundle.path, bundle.name) == (link, 'current')
    assert link.is_symlink() and Bundle.load(folder).licence == 'newer'
    # A folder that is not there yet is made where the link says.
    save(ahead)
    assert ahead.is_symlink() and Bundle.load(tmp_path / 'later').name == 'ahead'


def test_a_full_disk_is_told_with_the_file(folder, before):
    def fill(path, content):
        if path.name == 'model.onnx':
            # Without a name, as a write has it; opening would name the file.
            raise OSError(errno.ENOSPC, 'No space left on device')

    before('write_bytes', fill)
    with pytest.raises(OSError, match='No space left') as error:
        save(folder)
    assert error.value.filename == str(folder / 'model.onnx')


def test_an_older_model_survives_a_failed_writing(folder):
    with pytest.raises(BundleError):
        save(folder, contents={'weights': b'', 'onnx': b''})
    assert Bundle.load(folder).metrics == {'miou': 0.5}
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize('taken', [False, True])
def test_an_older_model_survives_a_failed_exchange(folder, before, monkeypatch, taken):
    put_notes(folder)

    def fail_at_the_second(path, target):
        if path.name != 'new':
            return
        if taken:
            # Somebody else's export was quicker.
            shutil.copytree(path, target)
            (target / 'theirs').touch()
        raise OSError(errno.ENOTEMPTY, 'Directory not empty')

    before('rename', fail_at_the_second)
    with pytest.raises(BundleError, match=r'tiny can not be replaced \(.*does another'):
        save(folder, licence='newer')
    monkeypatch.undo()
    assert (Bundle.load(folder).licence == 'newer') == (folder / 'theirs').exists() == taken
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    assert has_notes(folder)


@pytest.mark.parametrize('kind', ['folder', 'file'])
def test_other_things_are_not_replaced(tmp_path, kind):
    target = tmp_path / 'thesis'
    if kind == 'folder':
        target.mkdir()
        (target / 'chapter.txt').write_text('years of work')
    else:
        target.write_text('years of work')
    with pytest.raises(BundleError, match=r'is no model folder .* left as it is'):
        save(target)
    kept = target / 'chapter.txt' if kind == 'folder' else target
    assert kept.read_text() == 'years of work'


def test_where_nothing_may_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / 'thesis').write_text('years of work')
    target = tmp_path / 'thesis' / 'models' / 'mine'
    with pytest.raises(BundleError, match=r'mine can not be written: .*thesis is no folder'):
        check_replaceable(target)
    check_replaceable(tmp_path / 'models' / 'mine')
    with pytest.raises(BundleError, match='/ exists and is no model folder'):
        check_replaceable(tmp_path.parents[-1])
    # Where root may write, but nobody can.
    with pytest.raises(BundleError, match=r'^/proc/mine can not be written'):
        save('/proc/mine')


def test_an_empty_folder_and_missing_parents_are_filled(tmp_path):
    (tmp_path / 'empty').mkdir()
    assert save(tmp_path / 'empty').name == 'empty'
    assert save(tmp_path / 'a' / 'b' / 'c').name == 'c'


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


def test_a_folder_of_the_same_name_does_not_hide_a_shipped_model(shipped, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'espnet_camvid').mkdir()
    assert find_bundle('espnet_camvid') == shipped / 'espnet_camvid'
    shutil.copytree(shipped / 'espnet_street', 'espnet_camvid', dirs_exist_ok=True)
    assert find_bundle('espnet_camvid').resolve() == tmp_path / 'espnet_camvid'
