from __future__ import annotations

import os
import select
import subprocess
import time
from pathlib import Path

import pytest

from espnet_ros.core.errors import EspnetRosError
from espnet_ros.core.python_child import module_command
from espnet_ros.demo import children as module
from espnet_ros.demo.children import Children

DEADLINE_S = 60.0
# Says some things, then what it is told.
SPEAKER = """
import json, sys
print('no JSON')
print('[7]')
print(json.dumps({'event': 'ready', 'arguments': sys.argv[1:]}), flush=True)
for line in sys.stdin:
    if line.startswith('end'):
        sys.exit(line)
    print(json.dumps({'event': line.strip()}), flush=True)
"""


@pytest.fixture
def children(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / 'modules').mkdir()
    (tmp_path / 'modules' / 'speaker.py').write_text(SPEAKER)
    with Children(tmp_path, {'PYTHONPATH': str(tmp_path / 'modules')}) as children:
        yield children


def test_events_of_all_children_come_in_one_row(children):
    seen = []
    for name in ('one', 'other'):
        child = children.start(name, 'speaker', name)
        assert children.wait('ready', DEADLINE_S, seen.append)['arguments'] == [name]
        child.say('go')
        children.wait('go', DEADLINE_S, seen.append)
    assert [event['event'] for event in seen] == ['ready', 'go'] * 2


def test_a_child_that_ends_by_itself_is_an_error_with_its_last_words(children):
    child = children.start('speaker', 'speaker')
    child.say('end of the story')
    words = (
        r'^the speaker process ended by itself with status 1; its last words:\nend of the story$'
    )
    with pytest.raises(EspnetRosError, match=words):
        children.wait('go', DEADLINE_S, lambda event: None)


def test_what_does_not_come_is_an_error_with_the_last_words_of_all(children):
    children.start('speaker', 'speaker')
    children.wait('ready', DEADLINE_S, lambda event: None)
    assert list(children.events(time.monotonic())) == []
    with pytest.raises(EspnetRosError, match=r"waited 0 s for 'go' in vain.*\n\[speaker\] $"):
        children.wait('go', 0.0, lambda event: None)


@pytest.mark.parametrize('deaf', ['', 'signal.signal(signal.SIGTERM, signal.SIG_IGN)'])
def test_leaving_ends_them(deaf: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, '_GRACE_S', 0.2)
    (tmp_path / 'sleeper.py').write_text(
        f'import signal, time\n{deaf}\n'
        """print('{"event": "ready"}', flush=True)\n"""
        'time.sleep(600)\n'
    )
    with Children(tmp_path, {'PYTHONPATH': str(tmp_path)}) as children:
        sleeper = os.pidfd_open(children.start('sleeper', 'sleeper').pid)
        children.wait('ready', DEADLINE_S, lambda event: None)
    assert select.select([sleeper], [], [], 0.0)[0]


def test_a_demo_in_a_folder_with_a_queue_py(tmp_path: Path, ros_domain: int):
    pytest.importorskip('rclpy')
    pytest.importorskip('onnxruntime')
    (tmp_path / 'queue.py').write_text("raise RuntimeError('my own queue.py')\n")
    command = module_command(
        'espnet_ros', 'demo', '--frames', '5', '--rate', '2', '--size', '96x64', '--backend',
        'onnx', '--output', str(tmp_path / 'out'),
    )  # fmt: skip
    # As the console script does, it leaves out the current folder.
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert 'my own queue.py' not in result.stderr
    assert (tmp_path / 'out' / 'report.json').is_file(), result.stderr
