"""Whatever comes between its steps, a folder that is replaced is the old one or the new one."""

from __future__ import annotations

from pathlib import Path

import pytest

from espnet_ros.core.errors import BundleError
from espnet_ros.core.whole_folder import write_folder

OWN = ('a.txt', 'b.txt')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / 'kept'
    write(folder, b'old')
    (folder / 'notes').write_text('mine')
    return folder


def write(folder: Path, content: bytes) -> None:
    write_folder(folder, dict.fromkeys(OWN, content), OWN, lambda _: None)


def content(folder: Path) -> set[bytes]:
    return {(folder / name).read_bytes() for name in OWN}


def interrupt_at(
    monkeypatch: pytest.MonkeyPatch, kind: type[BaseException], *names: str, late: bool
) -> None:
    """Raise at the renames of folders of these names: before, or right after they are done."""
    rename = Path.rename
    waiting = list(names)

    def interrupted(path: Path, target: Path) -> Path:
        if not waiting or path.name != waiting[0]:
            return rename(path, target)
        waiting.pop(0)
        if late:
            rename(path, target)
        raise kind('asked to end')

    monkeypatch.setattr(Path, 'rename', interrupted)


@pytest.mark.parametrize('kind', [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize('late', [False, True])
@pytest.mark.parametrize('step', ['kept', 'new'])
def test_an_interrupt_at_either_rename_leaves_a_whole_folder_with_all_else_in_it(
    step: str, late: bool, kind: type[BaseException], folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    interrupt_at(monkeypatch, kind, step, late=late)
    with pytest.raises(kind):
        write(folder, b'newer')
    assert content(folder) == {b'newer' if (step, late) == ('new', True) else b'old'}
    assert (folder / 'notes').read_text() == 'mine'
    assert list(folder.parent.iterdir()) == [folder]


def test_of_two_interrupts_the_old_folder_is_still_somewhere(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(monkeypatch, KeyboardInterrupt, 'new', 'old', late=False)
    with pytest.raises(KeyboardInterrupt):
        write(folder, b'newer')
    (work,) = folder.parent.iterdir()
    assert content(work / 'old') == {b'old'}


def test_where_it_is_that_can_not_be_put_back_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_at(monkeypatch, OSError, 'new', 'old', late=False)
    with pytest.raises(BundleError, match=r'^what was in .*kept cannot be put back') as error:
        write(folder, b'newer')
    old = Path(str(error.value).rpartition('look for it in ')[2])
    assert content(old) == {b'old'}


def test_what_is_refused_never_comes_to_its_place(folder: Path) -> None:
    def refuse(fresh: Path) -> None:
        assert content(fresh) == {b'newer'}
        raise BundleError('no good')

    with pytest.raises(BundleError, match='no good'):
        write_folder(folder, dict.fromkeys(OWN, b'newer'), OWN, refuse)
    assert content(folder) == {b'old'}
    assert list(folder.parent.iterdir()) == [folder]
