from __future__ import annotations

import json
from pathlib import Path

from espnet_ros.core.json_file import write_json


def test_figures_are_written_where_they_were_asked_for(tmp_path: Path) -> None:
    figures = {'path': '/tmp/Straße', 'rows': [1.5, None]}
    write_json(None, figures)
    assert list(tmp_path.iterdir()) == []
    write_json(tmp_path / 'figures.json', figures)
    assert json.loads((tmp_path / 'figures.json').read_text()) == figures
    assert (tmp_path / 'figures.json').read_bytes().endswith(b'}\n')
