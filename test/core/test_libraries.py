"""What is said of a library that is missing, and how to get it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_ros.core.errors import BackendUnavailableError
from espnet_ros.core.libraries import (
    KNOWN,
    absence,
    failed_load,
    how_to_get,
    import_library,
    installed,
    require,
)


def test_it_tells_what_is_there_without_importing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, 'this', raising=False)
    assert installed('this') and 'this' not in sys.modules
    assert not installed('no_such_library')
    # As a test hides one.
    monkeypatch.setitem(sys.modules, 'json', None)
    assert not installed('json')


def test_on_a_jetson_it_is_nvidias_build() -> None:
    for library in ('torch', 'tensorrt'):
        assert how_to_get(library).startswith('on a Jetson ')
        assert f', elsewhere `pip install {library}`' in how_to_get(library)


@pytest.mark.parametrize(
    ('libraries', 'words'),
    [
        (('yaml',), '`pip install PyYAML`'),
        (('onnx', 'safetensors'), '`pip install onnx safetensors`'),
        (('av', 'onnx'), "`pip install onnx`, and `pip install '.[demo]'` in the checkout"),
        (('pytorch_optimizer',), "`pip install '.[train]'` in the checkout"),
    ],
)
def test_what_pip_has_is_one_command(libraries: tuple[str, ...], words: str) -> None:
    assert how_to_get(*libraries) == words


def test_each_that_is_known_has_its_advice() -> None:
    assert all('`' in how_to_get(library) for library in KNOWN)


def test_all_that_are_missing_are_named_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    require('this test', 'sys', 'json')
    for library in ('onnx', 'onnxruntime'):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BackendUnavailableError) as error:
        require('int8', 'onnx', 'json', 'onnxruntime')
    assert str(error.value) == (
        'int8 needs the Python libraries onnx and onnxruntime, which are not installed: `pip '
        'install onnx onnxruntime`'
    )
    assert absence('this', 'tqdm') == (
        'this needs the Python library tqdm, which is not installed: `pip install tqdm`'
    )


def test_one_that_does_not_load_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert import_library('json', 'this test').dumps([]) == '[]'
    (tmp_path / 'openvino.py').write_text("raise ImportError('libtbb.so.12: cannot open')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'openvino', raising=False)
    with pytest.raises(BackendUnavailableError) as error:
        import_library('openvino', 'backend openvino')
    words = failed_load('backend openvino', 'openvino', 'libtbb.so.12: cannot open')
    assert str(error.value) == words == (
        'backend openvino needs the Python library openvino, which is installed but does not load '
        '(libtbb.so.12: cannot open); install it again: `pip install --force-reinstall openvino`'
    )


def test_openvino_tells_nobody_that_it_was_started(tmp_path: Path) -> None:
    pytest.importorskip('openvino')
    code = (
        'import sys\n'
        'from espnet_ros.core.libraries import import_library\n'
        "import_library('openvino', 'this test').Core()\n"
        "sys.exit(sys.modules.get('openvino_telemetry') is not None)\n"
    )
    environment = {**os.environ, 'HOME': str(tmp_path)}
    subprocess.run([sys.executable, '-c', code], env=environment, check=True, timeout=60)
    # Its telemetry keeps an identity there.
    assert list(tmp_path.iterdir()) == []
