from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from espnet_ros.cli.main import main

pytest.importorskip('onnxruntime')


def segment(*arguments: object) -> int:
    return main(['segment', *map(str, arguments), '--backend', 'onnx'])


def test_masks_overlays_and_figures(pictures: Path, green_model: Path, tmp_path: Path, capsys):
    output, figures = tmp_path / 'out', tmp_path / 'figures.json'
    images = [pictures / '0.png', pictures / '5.png']
    code = segment(*images, '--model', green_model, '--output', output, '--json', figures)
    assert code == 0
    names = [f'{stem}_{kind}.png' for stem in '05' for kind in ('mask', 'overlay')]
    assert capsys.readouterr().out.split() == [str(output / name) for name in names]
    # Picture 0 is green left of column 8, picture 5 left of column 48.
    for stem, split in (('0', 8), ('5', 48)):
        mask = cv2.imread(str(output / f'{stem}_mask.png'), cv2.IMREAD_UNCHANGED)
        assert mask.dtype == np.uint8 and mask.shape == (48, 64)
        assert (mask[:, :split] == 1).all() and (mask[:, split:] == 0).all()
        overlay = cv2.imread(str(output / f'{stem}_overlay.png'))
        # Halves of (0, 220, split) and the class's (100, 20, 0), as BGR.
        assert overlay[20, split - 1].tolist() == [50, 120, split // 2]
        # Halves of (150, 0, split) and the class's (0, 0, 200).
        assert overlay[20, split].tolist() == [75, 0, 100 + split // 2]
    report = json.loads(figures.read_text())
    assert report['model'] == 'green'
    assert [i['class_share'] for i in report['images']] == [
        {'Dark': 0.875, 'Green': 0.125, 'UNLABELED': 0.0},
        {'Dark': 0.25, 'Green': 0.75, 'UNLABELED': 0.0},
    ]
    assert set(report['images'][0]['stage_ms']) == {'resize', 'infer', 'post'}


def test_a_picture_of_another_size_gets_a_mask_of_its_size(green_model, tmp_path):
    image = np.zeros((90, 200, 3), np.uint8)
    image[:, :100, 1] = 220
    cv2.imwrite(str(tmp_path / 'wide.png'), image)
    assert segment(tmp_path / 'wide.png', '--model', green_model, '--output', tmp_path) == 0
    mask = cv2.imread(str(tmp_path / 'wide_mask.png'), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (90, 200)
    assert (mask[:, :95] == 1).all() and (mask[:, 105:] == 0).all()


def test_pictures_of_one_name_would_overwrite_each_other(pictures, green_model, tmp_path, capsys):
    other = tmp_path / '5.png'
    other.write_bytes((pictures / '5.png').read_bytes())
    assert segment(other, pictures / '5.png', '--model', green_model) == 2
    assert 'overwrite each other: 5;' in capsys.readouterr().err


@pytest.mark.parametrize('named', ['folder', 'picture', 'link', 'output is a link'])
def test_labels_beside_the_pictures_are_not_overwritten(
    named, pictures, green_model, tmp_path, capsys
):
    label = pictures / '5_mask.png'
    label.write_bytes(cv2.imencode('.png', np.ones((48, 64), np.uint8))[1].tobytes())
    before = {path: path.read_bytes() for path in pictures.iterdir()}
    (tmp_path / 'link').symlink_to(pictures)
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / '5.png').symlink_to(pictures / '5.png')
    image = {'folder': pictures, 'link': tmp_path / 'elsewhere' / '5.png'}
    output = tmp_path / 'link' if named == 'output is a link' else pictures
    image = image.get(named, pictures / '5.png')
    assert segment(image, '--model', green_model, '--output', output) == 2
    error = capsys.readouterr().err
    assert f'{output / "5_mask.png"} would be overwritten' in error and error.count('\n') == 1
    assert {path: path.read_bytes() for path in pictures.iterdir()} == before


def test_a_picture_is_not_overwritten_by_another_ones_mask_or_by_figures(
    pictures, green_model, tmp_path, capsys
):
    (tmp_path / '5_mask.png').write_bytes((pictures / '5.png').read_bytes())
    images = (pictures / '5.png', tmp_path / '5_mask.png')
    assert segment(*images, '--model', green_model, '--output', tmp_path) == 2
    assert '5_mask.png would be overwritten' in capsys.readouterr().err
    options = ('--output', tmp_path / 'out', '--json', images[0])
    assert segment(*images, '--model', green_model, *options) == 2
    assert f'{images[0]} would be overwritten' in capsys.readouterr().err
    assert images[0].read_bytes() == images[1].read_bytes()
    # Masks of an earlier run, away from the pictures, give way as before.
    for _ in range(2):
        assert segment(*images, '--model', green_model, '--output', tmp_path / 'out') == 0


def test_of_a_folder_the_pictures_in_it_are_segmented(pictures, green_model, tmp_path):
    (pictures / 'notes.txt').write_text('no picture')
    assert segment(pictures, '--model', green_model, '--output', tmp_path / 'out') == 0
    assert len(list((tmp_path / 'out').iterdir())) == 20


def test_a_picture_that_viewers_turn_is_taken_as_stored_and_told_of(
    green_model, tmp_path, capsys
):
    picture = np.zeros((24, 40, 3), np.uint8)
    picture[:, 20:] = 200
    content = cv2.imencode('.jpg', picture)[1].tobytes()
    # Exif: little endian, one entry, orientation (0x112) is the short 6, a quarter turn.
    exif = b'\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0' + bytes(6)
    (tmp_path / 'phone.jpg').write_bytes(content[:2] + exif + content[2:])
    cv2.imwrite(str(tmp_path / 'robot.png'), picture)
    pictures = [tmp_path / name for name in ('phone.jpg', 'robot.png')]
    assert segment(*pictures, '--model', green_model, '--output', tmp_path / 'out') == 0
    mask = cv2.imread(str(tmp_path / 'out' / 'phone_mask.png'), cv2.IMREAD_UNCHANGED)
    assert mask.shape == (24, 40)
    told = capsys.readouterr().err
    assert told.startswith(f'1 of 2 pictures have an EXIF orientation, e.g. {pictures[0]}, which')


@pytest.mark.parametrize('name', ['missing.png', 'text.png'])
def test_a_file_that_is_no_picture_is_one_line(name, green_model, tmp_path, capsys):
    (tmp_path / 'text.png').write_text('text')
    output = tmp_path / 'out'
    assert segment(tmp_path / name, '--model', green_model, '--output', output) == 2
    error = capsys.readouterr().err
    assert name in error and error.count('\n') == 1
    assert not output.exists()


def test_damaged_pictures_cost_no_other_ones(pictures, green_model, tmp_path, capsys):
    output, figures = tmp_path / 'out', tmp_path / 'figures.json'
    for name in ('0.png', '5.png'):
        content = (pictures / name).read_bytes()
        (pictures / name).write_bytes(content[: len(content) // 2])
    options = ('--model', green_model, '--output', output, '--json', figures)
    assert segment(pictures, *options) == 2
    done = [f'{i}.png' for i in (1, 2, 3, 4, 6, 7, 8, 9)]
    report = json.loads(figures.read_text())
    assert [Path(image['image']).name for image in report['images']] == done
    assert len(list(output.iterdir())) == 16
    out, error = capsys.readouterr()
    assert len(out.splitlines()) == 16
    first, *offenders = error.splitlines()
    assert first == 'espnet_ros: 2 of 10 pictures are not segmented:'
    assert [line.split(' is not a picture')[0].strip() for line in offenders] == [
        str(pictures / '0.png'), str(pictures / '5.png')
    ]  # fmt: skip


def test_of_many_damaged_pictures_some_are_named(pictures, green_model, tmp_path, capsys):
    for path in pictures.iterdir():
        path.write_text('text')
    figures = tmp_path / 'figures.json'
    options = ('--model', green_model, '--output', tmp_path / 'out', '--json', figures)
    assert segment(pictures, *options) == 2
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[-1]) == (10, '  and 2 more')
    assert json.loads(figures.read_text()) == {'model': 'green', 'images': []}
    assert not (tmp_path / 'out').exists()


def test_who_leaves_costs_no_masks(pictures, green_model, tmp_path, nobody_reads):
    output, figures = tmp_path / 'out', tmp_path / 'figures.json'
    with nobody_reads():
        assert segment(
            pictures, '--model', green_model, '--output', output, '--json', figures
        ) == 141  # fmt: skip
    assert len(json.loads(figures.read_text())['images']) == 10
    assert len(list(output.iterdir())) == 20


def test_the_size_of_the_network_input_can_be_named(pictures, green_model, tmp_path):
    output = tmp_path / 'out'
    options = ('--model', green_model, '--output', output, '--size', '32x24')
    assert segment(pictures / '5.png', *options) == 0
    mask = cv2.imread(str(output / '5_mask.png'), cv2.IMREAD_UNCHANGED)
    # Half the pixels see as much: left of column 48 of 64 it is green.
    assert mask.shape == (48, 64)
    assert (mask[:, :44] == 1).all() and (mask[:, 52:] == 0).all()


def test_pictures_or_build_only_are_needed(green_model, capsys):
    assert segment('--model', green_model) == 2
    assert 'name at least one picture to segment, or --build-only' in capsys.readouterr().err


def test_pictures_are_segmented_one_by_one(pictures, green_model, capsys):
    assert segment(pictures / '5.png', '--model', green_model, '--batch', '2') == 2
    assert '--batch goes with --build-only' in capsys.readouterr().err


def test_build_only_is_for_tensorrt(green_model, capsys):
    assert segment('--model', green_model, '--build-only') == 2
    assert "--build-only is for backend tensorrt, got 'onnx'" in capsys.readouterr().err


def test_the_output_folder_is_looked_at_where_it_is_needed(
    pictures, green_model, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'output').write_text('no folder')
    arguments = ['segment', '--model', str(green_model)]
    assert main([*arguments, str(pictures / '5.png')]) == 2
    error = capsys.readouterr().err
    assert 'output/segment cannot be written into' in error and error.count('\n') == 1
    build = 'espnet_ros.backends.tensorrt_backend.build_ahead'
    monkeypatch.setattr(build, lambda *_: ('engine of a stub', True))
    assert main([*arguments, '--build-only']) == 0


def test_build_only_builds_once_and_says_what(green_model, tmp_path, monkeypatch, capsys):
    calls = []

    def build_ahead(bundle, device, precision, size, batch):
        calls.append((bundle.name, device, precision, size, batch))
        return 'engine of a stub', len(calls) == 1

    monkeypatch.setattr('espnet_ros.backends.tensorrt_backend.build_ahead', build_ahead)
    figures = tmp_path / 'figures.json'
    arguments = ['segment', '--model', str(green_model), '--build-only', '--precision', 'int8']
    arguments += ['--size', '96x64', '--batch', '2', '--json', str(figures)]
    assert main(arguments) == 0
    assert main(arguments) == 0
    assert calls == [('green', 'auto', 'int8', (96, 64), 2)] * 2
    shown = capsys.readouterr().out.splitlines()
    assert shown == ['built and kept: engine of a stub', 'already there: engine of a stub']
    assert json.loads(figures.read_text()) == {'engine': 'engine of a stub', 'built': False}
