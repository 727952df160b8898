import argparse
import inspect
import json
import re

import pytest

torch = pytest.importorskip('torch')

from espnet_ros.bundle import Bundle
from espnet_ros.bundle_checks import architecture_keys
from espnet_ros.cli import import_checkpoint
from espnet_ros.core.architecture import ARCHITECTURES, ENCODERS, WHOLE
from espnet_ros.core.errors import BundleError, CheckpointError
from espnet_ros.core.labels import CAMVID, CITYSCAPES
from espnet_ros.network.checkpoint import import_official, load_bundle, official_name
from espnet_ros.network.espnet import Encoder, ESPNet, create_network


def checkpoint(folder, name='espnet', **changes):
    """Write an official checkpoint of a small network; a change to None takes a tensor out."""
    torch.manual_seed(0)
    network = create_network(name, classes=20, alpha2=1, alpha3=2)
    tensors = {official_name(key): tensor for key, tensor in network.state_dict().items()}
    for key, tensor in changes.items():
        tensors[key] = tensor
    file = folder / 'official.pth'
    torch.save({key: tensor for key, tensor in tensors.items() if tensor is not None}, file)
    return network, file


@pytest.mark.parametrize(
    ('ours', 'theirs'),
    [
        ('level1.0.weight', 'level1.conv.weight'),
        ('level1.1.act.weight', 'level1.act.weight'),
        ('encoder.norm1.bn.bias', 'encoder.b1.bn.bias'),
        ('encoder.level2.down.branches.4.weight', 'encoder.level2_0.d16.conv.weight'),
        ('level3.down.norm_act.bn.running_var', 'level3_0.bn.running_var'),
        ('level3.blocks.7.norm_act.act.weight', 'level3.7.bn.act.weight'),
        ('level2.blocks.0.reduce.weight', 'level2.0.c1.conv.weight'),
        ('encoder.classifier.weight', 'encoder.classifier.conv.weight'),
        ('up1.weight', 'classifier.weight'),
        ('norm3.bias', 'br.bias'),
        ('encoder.norm3.bn.bias', 'encoder.b3.bn.bias'),
        ('merge2.1.norm_act.bn.weight', 'combine_l2_l3.1.bn.bn.weight'),
        ('merge1.1.bn.weight', 'conv.bn.weight'),
        ('up2.1.act.weight', 'up_l2.1.act.weight'),
    ],
)
def test_names_of_the_authors_code(ours, theirs):
    assert official_name(ours) == theirs


@pytest.mark.parametrize('name', ['espnet', 'espnet_c'])
def test_architecture_is_told_from_the_tensors(tmp_path, name):
    network, file = checkpoint(tmp_path, name)
    loaded, architecture = import_official(file, 20)
    expected = {'name': name, 'classes': 20, 'alpha2': 1, 'alpha3': 2}
    assert architecture == expected | ({'skip': 'joined'} if name == 'espnet' else {})
    assert not loaded.training
    for key, tensor in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[key], tensor, rtol=0, atol=0)


def test_every_missing_extra_and_misshapen_tensor_is_named(tmp_path):
    _, file = checkpoint(
        tmp_path,
        **{
            'encoder.level3.0.d4.conv.weight': None,
            'br.weight': None,
            'encoder.b1.act.weight': torch.zeros(16),
            'conv.weight': torch.zeros(1),
        },
    )
    with pytest.raises(CheckpointError) as error:
        import_official(file, 20)
    message = str(error.value)
    assert '4 of its tensors' in message
    assert 'encoder.level3.0.d4.conv.weight is missing' in message
    assert 'br.weight is missing' in message
    assert 'encoder.b1.act.weight has shape (16,), expected (19,)' in message
    assert 'conv.weight is not part of the architecture' in message


def test_a_missing_classifier_is_said_to_be_missing(tmp_path):
    _, file = checkpoint(tmp_path, **{'encoder.classifier.conv.weight': None})
    with pytest.raises(CheckpointError, match=r'encoder\.classifier\.conv\.weight is missing'):
        import_official(file, 20)


def test_labels_of_another_dataset_are_refused(tmp_path):
    _, file = checkpoint(tmp_path)
    with pytest.raises(CheckpointError, match='has 20 classes, but 12 were asked for'):
        import_official(file, 12)


class Payload:
    def __reduce__(self):
        return print, ('code from a checkpoint',)


@pytest.mark.parametrize('what', ['missing', 'text', 'truncated', 'code', 'list'])
def test_files_that_are_no_checkpoint_are_refused(tmp_path, what, capsys):
    file = tmp_path / 'official.pth'
    if what == 'text':
        file.write_text('404: Not Found')
    elif what == 'truncated':
        checkpoint(tmp_path)
        file.write_bytes(file.read_bytes()[:5000])
    elif what == 'code':
        torch.save({'level1.conv.weight': Payload()}, file)
    elif what == 'list':
        torch.save([torch.zeros(1)], file)
    with pytest.raises(CheckpointError, match=re.escape(str(file))):
        import_official(file, 20)
    assert 'code from a checkpoint' not in capsys.readouterr().out


def run_verb(*arguments) -> int:
    parser = argparse.ArgumentParser()
    import_checkpoint.add_arguments(parser)
    return import_checkpoint.run(parser.parse_args([str(a) for a in arguments]))


@pytest.mark.parametrize(
    ('file', 'classes', 'name', 'skip', 'count'),
    [
        ('espnet_p_2_q_3.pth', 20, 'espnet', 'raw', 202_649),
        ('espnet_p_2_q_5.pth', 20, 'espnet', 'raw', 267_417),
        ('espnet_p_2_q_8.pth', 20, 'espnet', 'raw', 364_569),
        ('espnet_p_2_q_8_camvid.pth', 12, 'espnet', 'joined', 354_517),
        ('encoder/espnet_p_2_q_3.pth', 20, 'espnet_c', None, 187_529),
        ('encoder/espnet_p_2_q_5.pth', 20, 'espnet_c', None, 252_297),
        ('encoder/espnet_p_2_q_8.pth', 20, 'espnet_c', None, 349_449),
    ],
)
def test_published_checkpoints_load_strictly(shared, file, classes, name, skip, count):
    network, architecture = import_official(shared / 'espnet_official' / file, classes)
    assert (architecture['name'], architecture.get('skip')) == (name, skip)
    assert sum(p.numel() for p in network.parameters()) == count


@pytest.mark.parametrize(
    ('file', 'labels', 'names', 'count'),
    [
        ('espnet_p_2_q_8_camvid.pth', 'camvid', CAMVID.names, 354_517),
        ('encoder/espnet_p_2_q_3.pth', 'cityscapes', CITYSCAPES.names, 187_529),
    ],
)
def test_verb_writes_a_model_folder(shared, file, labels, names, count, tmp_path, capsys):
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    folder, figures = tmp_path / 'model', tmp_path / 'figures.json'
    source = shared / 'espnet_official' / file
    run_verb(source, '--labels', labels, '--output', folder, '--json', figures)
    bundle = Bundle.load(folder)
    assert bundle.labels.names == (*names, 'Void')
    assert bundle.licence == 'MIT (Sachin Mehta, 2018)'
    assert sum(p.numel() for p in load_bundle(bundle).parameters()) == count
    assert json.loads(figures.read_text())['parameters'] == count
    assert f'{count:,} parameters' in capsys.readouterr().out


def test_what_the_verb_wrote_is_there_though_nobody_reads_what_it_prints(tmp_path, monkeypatch):
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')

    def left(*_, **__):
        raise BrokenPipeError

    _, file = checkpoint(tmp_path)
    folder, figures = tmp_path / 'model', tmp_path / 'figures.json'
    monkeypatch.setattr('builtins.print', left)
    with pytest.raises(BrokenPipeError):
        run_verb(file, '--labels', 'cityscapes', '--output', folder, '--json', figures)
    assert Bundle.load(folder).name == 'model'
    assert json.loads(figures.read_text())['alpha3'] == 2


def test_the_verb_refuses_the_output_before_the_work(tmp_path):
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    (tmp_path / 'diary.txt').write_text('mine')
    with pytest.raises(BundleError, match='exists and is not a model folder'):
        run_verb('nowhere.pth', '--labels', 'camvid', '--output', tmp_path)


def test_a_description_may_say_of_an_architecture_what_its_network_takes():
    for name in ARCHITECTURES:
        network = ESPNet if name == WHOLE else Encoder
        fixed = ENCODERS[name]._fields if name in ENCODERS else ()
        taken = [key for key in inspect.signature(network).parameters if key not in fixed]
        assert architecture_keys(name) == ('name', *taken)
