"""What is kept on disk: trusted only if whole and ours, and never needed."""

import errno
import os
import re

import pytest
from fake_tensorrt import start

from espnet_ros.backends import tensorrt_backend, tensorrt_cache, tensorrt_engines
from espnet_ros.backends.tensorrt_backend import build_ahead
from espnet_ros.core.errors import BackendError, DeviceError


def entries(tmp_path, kind):
    return list((tmp_path / 'espnet_ros' / 'tensorrt').glob(f'{kind}-*'))


def test_the_next_start_does_not_build(built, checker):
    for _ in range(2):
        start(checker)
    assert len(built) == 1


@pytest.mark.parametrize(
    'damage',
    [
        lambda file: file.write_bytes(file.read_bytes()[:-1]),
        lambda file: file.write_bytes(b''),
        lambda file: file.write_bytes(file.read_bytes().replace(b'Orin', b'Thor')),
        lambda file: file.chmod(0o666),
        lambda file: (file.rename(file.parent / 'elsewhere'), file.symlink_to('elsewhere')),
    ],
    ids=['truncated', 'empty', 'another GPU', 'writable by others', 'link'],
)
def test_what_can_not_be_trusted_is_built_again(damage, built, checker, tmp_path, caplog):
    start(checker)
    (file,) = entries(tmp_path, 'engine')
    damage(file)
    start(checker)
    assert len(built) == 2
    assert 'not used' in caplog.text
    start(checker)
    assert len(built) == 2


def test_an_engine_that_the_library_refuses_is_built_again(built, checker, caplog, monkeypatch):
    build = tensorrt_engines.build_engine
    monkeypatch.setattr(tensorrt_engines, 'build_engine', lambda *a: (b'stale', b''))
    with pytest.raises(BackendError, match='could not load the engine it built: built by another'):
        start(checker)
    monkeypatch.setattr(tensorrt_engines, 'build_engine', build)
    start(checker)
    words = 'could not load the cached engine: built by another version'
    assert f'building the engine again: TensorRT 10.3.0 {words}' in caplog.text


@pytest.mark.parametrize(
    ('message', 'words'),
    [
        # As TensorRT 8 to 10 wrote in reports of others.
        (
            'Error Code 1: Cuda Runtime (out of memory)',
            r'; at least 0\.0 MiB are needed, 1\.5 of 1024\.0 MiB are free\. End other programs',
        ),
        ('Error Code 2: OutOfMemory (no further information)', '; at least .* MiB are free'),
        ('Error Code 1: Cuda Runtime (unspecified launch failure)', ': check the GPU with'),
    ],
)
def test_a_device_that_fails_costs_no_engine(
    message, words, built, checker, tmp_path, monkeypatch
):
    start(checker)
    (file,) = entries(tmp_path, 'engine')
    kept = file.read_bytes()
    runtime = tensorrt_backend.load_library().module.Runtime
    monkeypatch.setattr(runtime, 'refuses', message)
    text = rf'could not load the cached engine: {re.escape(message)}{words}'
    with pytest.raises(DeviceError, match=text):
        start(checker)
    assert file.read_bytes() == kept
    monkeypatch.setattr(runtime, 'refuses', None)
    start(checker)
    assert len(built) == 1


def test_an_engine_that_does_not_fit_once_built_is_kept_for_later(built, checker, monkeypatch):
    runtime = tensorrt_backend.load_library().module.Runtime
    monkeypatch.setattr(runtime, 'refuses', 'Error Code 2: OutOfMemory')
    with pytest.raises(DeviceError, match=r'could not load the engine it built: .*MiB are free'):
        start(checker)
    monkeypatch.setattr(runtime, 'refuses', None)
    start(checker)
    assert len(built) == 1


def test_a_refused_engine_stays_until_there_is_another(built, checker, tmp_path, monkeypatch):
    start(checker)
    (file,) = entries(tmp_path, 'engine')
    kept = file.read_bytes()

    def fails(*_):
        raise BackendError('no kernel was found')

    monkeypatch.setattr(tensorrt_backend.load_library().module.Runtime, 'refuses', 'of old')
    monkeypatch.setattr(tensorrt_engines, 'build_engine', fails)
    with pytest.raises(BackendError, match='no kernel was found'):
        start(checker)
    assert file.read_bytes() == kept


@pytest.mark.parametrize('reason', [errno.ENOSPC, errno.EROFS])
def test_a_full_or_read_only_disk_costs_only_time(
    reason, built, checker, tmp_path, caplog, monkeypatch
):
    def fails(descriptor):
        raise OSError(reason, os.strerror(reason))

    monkeypatch.setattr(tensorrt_cache.os, 'fsync', fails)
    for _ in range(2):
        start(checker)
    assert len(built) == 2
    assert f'could not be stored ([Errno {reason}] {os.strerror(reason)})' in caplog.text
    assert not list((tmp_path / 'espnet_ros' / 'tensorrt').iterdir())


def test_a_cache_that_can_not_be_made_costs_only_time(built, checker, tmp_path, caplog):
    (tmp_path / 'espnet_ros').write_text('a file in its place')
    start(checker)
    assert 'could not be stored' in caplog.text and 'XDG_CACHE_HOME' in caplog.text


def test_a_cache_on_a_disk_that_became_read_only_is_used(built, checker, monkeypatch, caplog):
    start(checker)

    def fails(*_):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for call in ('chmod', 'mkdir', 'replace', 'unlink'):
        monkeypatch.setattr(os, call, fails)
    monkeypatch.setattr(tensorrt_cache.tempfile, 'mkstemp', fails)
    start(checker)
    assert len(built) == 1 and not caplog.records[1:]


def test_the_cache_is_private(built, checker, tmp_path):
    start(checker)
    files = [*entries(tmp_path, 'engine'), *entries(tmp_path, 'timing')]
    assert len(files) == 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert files[0].parent.stat().st_mode & 0o777 == 0o700


def test_building_ahead_for_a_cache_that_can_not_keep_it_is_an_error(built, checker, tmp_path):
    (tmp_path / 'espnet_ros').write_text('a file in its place')
    with pytest.raises(BackendError, match=r'could not be stored: free space.*XDG_CACHE_HOME'):
        build_ahead(checker, 'auto', 'f32', (24, 16))
