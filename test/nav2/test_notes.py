"""What is said of what could not be checked."""

import pytest
from parameter_files import OBSTACLE, SEMANTIC, own

from espnet_ros.core.labels import CAMVID
from espnet_ros.nav2.check import check_file

STRANGE = OBSTACLE.replace('nav2_costmap_2d::Vox', 'my_layers/Vox')
DANGER = own('{layers: {danger: {classes: [Car], cost: 100}}}')
NAMES = (
    'layer names are not checked (danger): pass the file with the layers of segmentation as '
    '--layers; without one it has only a layer named obstacles'
)


@pytest.mark.parametrize(
    ('text', 'expected'),
    [
        (OBSTACLE, [NAMES]),
        (DANGER + OBSTACLE, []),
        (SEMANTIC, []),
        (
            DANGER + STRANGE,
            [
                '/robot1/local_costmap/local_costmap: people_and_cars is not checked: its plugin '
                'my_layers/VoxelLayer is not known here (the nearest one is '
                'nav2_costmap_2d::VoxelLayer)'
            ],
        ),
    ],
)
def test_notes(text, expected, tmp_path):
    path = tmp_path / 'nav2_params.yaml'
    path.write_text(text, encoding='utf-8')
    report = check_file(path, CAMVID)
    assert report.findings == ()
    assert list(report.notes) == expected
