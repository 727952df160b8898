"""A model folder is written whole, or what was there stays."""

import errno
import os
import shutil
from pathlib import Path

import pytest
from tiny_bundle import onnx, safetensors, save

from espnet_ros.bundle import Bundle, check_replaceable
from espnet_ros.core.errors import BundleError


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


def test_others_may_read_what_was_saved(folder):
    assert folder.stat().st_mode & 0o777 == 0o777 & ~umask()


def umask() -> int:
    value = os.umask(0)
    os.umask(value)
    return value


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
    with pytest.raises(BundleError, match=r'^CARD\.md of the replaced .*tiny cannot') as error:
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
    with pytest.raises(BundleError, match=r'tiny cannot be replaced \(.*does another'):
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
    with pytest.raises(BundleError, match=r'is not a model folder .* left as it is'):
        save(target)
    kept = target / 'chapter.txt' if kind == 'folder' else target
    assert kept.read_text() == 'years of work'


def test_where_nothing_may_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / 'thesis').write_text('years of work')
    target = tmp_path / 'thesis' / 'models' / 'mine'
    with pytest.raises(BundleError, match=r'mine cannot be written: .*thesis is not a folder'):
        check_replaceable(target)
    check_replaceable(tmp_path / 'models' / 'mine')
    with pytest.raises(BundleError, match='/ exists and is not a model folder'):
        check_replaceable(tmp_path.parents[-1])
    # Where root may write, but nobody can.
    with pytest.raises(BundleError, match=r'^/proc/mine cannot be written'):
        save('/proc/mine')


def test_where_something_is_mounted_is_told_before_the_work(tmp_path, folder, monkeypatch):
    # No rename replaces a mount point: the volume of a container, say.
    mounted = {str(tmp_path / 'out'), str(folder)}
    monkeypatch.setattr('os.path.ismount', lambda path: str(path) in mounted)
    (tmp_path / 'out').mkdir()
    (tmp_path / 'link').symlink_to('out')
    for path in (tmp_path / 'out', tmp_path / 'link', folder):
        words = f'^{path} cannot be replaced, .*: name a folder inside it, e.g. {path}/model$'
        with pytest.raises(BundleError, match=words):
            check_replaceable(path)
    assert save(tmp_path / 'out' / 'model').name == 'model'
    assert Bundle.load(folder).metrics == {'miou': 0.5}


@pytest.mark.parametrize(
    'changes', [{'std': (1, 0, 1)}, {'contents': {'weights': b'', 'onnx': b''}}]
)
def test_what_does_not_fit_together_is_told_with_the_folder_that_was_asked_for(
    tmp_path, changes
):
    with pytest.raises(BundleError) as error:
        save(tmp_path / 'mine', **changes)
    message = str(error.value)
    assert message.startswith(f'no model was written to {tmp_path / "mine"}: ')
    # Not to one that is gone, and with no advice for models that somebody has.
    assert '/new' not in message and 'Restore' not in message
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_and_missing_parents_are_filled(tmp_path):
    (tmp_path / 'empty').mkdir()
    assert save(tmp_path / 'empty').name == 'empty'
    assert save(tmp_path / 'a' / 'b' / 'c').name == 'c'
