"""Run the commands of docs/training.md one after the other, with less of everything."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from espnet_ros.bundle import Bundle

pytest.importorskip('torch')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

DOC = (Path(__file__).resolve().parents[1] / 'docs' / 'training.md').read_text(encoding='utf-8')
# So that the run takes seconds; each must stand in the page.
LESS = {
    "'train', 0, 40": "'train', 0, 4",
    "'val', 40, 10": "'val', 40, 2",
    '--epochs 30': '--epochs 1',
}


def blocks() -> list[str]:
    """Return the bash blocks, but for those that are marked or are what runs this test."""
    mark = r'(<!-- (?:needs ROS|not run by the tests) -->\n)?'
    found = re.findall(mark + r'```bash\n(.*?)```', DOC, re.DOTALL)
    return [text for mark, text in found if not mark and not text.startswith('make test')]


def test_from_labelled_pictures_to_a_running_model(tmp_path: Path) -> None:
    (tmp_path / '.venv').symlink_to(sys.prefix)
    script = 'set -e\n' + '\n'.join(blocks())
    for much, less in LESS.items():
        assert script.count(much) == 1
        script = script.replace(much, less)
    environment = {k: v for k, v in os.environ.items() if k not in ('MAKEFLAGS', 'MAKELEVEL')}
    done = subprocess.run(
        ['bash', '-c', script], cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=400,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert '169 of 209 tensors are taken from espnet_camvid, with no class' in done.stdout
    site = tmp_path / 'output' / 'site'
    assert Bundle.load(site / 'model').labels.names == ('road', 'sidewalk', 'sky', 'obstacle')
    assert set(json.loads((site / 'figures.json').read_text())['per_class']) == {
        'road', 'sidewalk', 'sky', 'obstacle',
    }  # fmt: skip
    for name in ('confusion.png', 'worst.png', 'segment/040_overlay.png'):
        assert (site / name).is_file(), sorted(p.name for p in site.rglob('*.png'))
