from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from espnet_ros.core.errors import BackendError, DatasetError
from espnet_ros.demo import drive as drive_module
from espnet_ros.demo.drive import prepare
from espnet_ros.demo.request import Request
from espnet_ros.demo.sources import open_source, pinhole
from espnet_ros.sim import Street


@pytest.fixture(scope='module')
def street() -> Street:
    return Street(seed=3)


def write_picture(path: Path, value: int, width: int = 48, height: int = 32) -> None:
    cv2.imwrite(str(path), np.full((height, width, 3), value, np.uint8))


def write_video(path: Path, count: int, fps: float) -> None:
    """Write images of 48x32 whose grey value is ten times their number."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), fps, (48, 32))
    for index in range(count):
        writer.write(np.full((32, 48, 3), 10 * index, np.uint8))
    writer.release()


def values(source) -> list[int]:
    return [int(shot.image[3, 5, 0]) for shot in source.shots()]


def test_pictures_come_in_human_order_and_others_are_left_out(tmp_path):
    for name, value in (('10.png', 30), ('2.png', 20), ('1.PNG', 10)):
        write_picture(tmp_path / name, value)
    (tmp_path / 'notes.txt').write_text('no picture')
    source = open_source(str(tmp_path), Request())
    assert (source.count, source.size_wh) == (3, (48, 32))
    assert values(source) == [10, 20, 30]


def test_raised_digits_in_a_name_are_no_number(tmp_path):
    for name, value in (('²10.png', 30), ('²2.png', 20), ('1.png', 10)):
        write_picture(tmp_path / name, value)
    assert values(open_source(str(tmp_path), Request())) == [10, 20, 30]


def test_a_name_that_begins_like_a_home_folder_is_taken_as_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / '~drive').mkdir()
    write_picture(tmp_path / '~drive' / 'a.png', 7)
    assert open_source('~drive', Request()).count == 1


def test_at_most_as_many_pictures_as_asked_for(tmp_path):
    for index in range(3):
        write_picture(tmp_path / f'{index}.png', index)
    source = open_source(str(tmp_path), Request(frames=2))
    assert source.count == 2 and values(source) == [0, 1]


def test_pictures_of_several_sizes_get_the_first_ones(tmp_path):
    write_picture(tmp_path / 'a.png', 7)
    write_picture(tmp_path / 'b.png', 9, width=20, height=60)
    shapes = {shot.image.shape for shot in open_source(str(tmp_path), Request()).shots()}
    assert shapes == {(32, 48, 3)}


def test_a_size_asked_for_is_the_size_of_image_and_calibration(tmp_path):
    write_picture(tmp_path / 'a.png', 7)
    source = open_source(str(tmp_path), Request(size_wh=(64, 40)))
    assert next(source.shots()).image.shape == (40, 64, 3)
    assert source.K[0, 2] == 31.5 and source.K[1, 2] == 19.5


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / 'notes.txt').write_text('no picture')
    with pytest.raises(DatasetError, match=r'no pictures in .*png'):
        open_source(str(tmp_path), Request())


def test_a_damaged_picture_is_named(tmp_path):
    write_picture(tmp_path / 'a.png', 7)
    (tmp_path / 'b.png').write_bytes(b'not a png')
    with pytest.raises(DatasetError, match=r'b\.png is not a picture'):
        list(open_source(str(tmp_path), Request()).shots())


def test_half_a_jpeg_is_named(tmp_path):
    write_picture(tmp_path / 'a.jpg', 90)
    content = (tmp_path / 'a.jpg').read_bytes()
    (tmp_path / 'a.jpg').write_bytes(content[: len(content) // 2])
    with pytest.raises(DatasetError, match=r'the end of .*a\.jpg is missing'):
        open_source(str(tmp_path), Request())


def test_an_unknown_source_is_refused_with_all_that_exist():
    with pytest.raises(DatasetError, match=r"no source 'strasse'.*street.*folder.*video.*camera"):
        open_source('strasse', Request())


def test_a_file_that_is_no_video_is_refused(tmp_path, capfd):
    path = tmp_path / 'clip.mp4'
    path.write_bytes(b'not a video')
    with pytest.raises(DatasetError, match=r'clip\.mp4'):
        open_source(str(path), Request())


def test_a_device_that_is_no_camera_is_refused(capfd):
    with pytest.raises(DatasetError, match='camera /dev/null does not open'):
        open_source('/dev/null', Request())


def test_a_video_passes_at_its_own_speed_and_ends(tmp_path):
    write_video(tmp_path / 'clip.avi', count=12, fps=30.0)
    source = open_source(str(tmp_path / 'clip.avi'), Request(frames=50, rate_hz=10.0))
    # 30 images a second shown at 10: each third one, 0, 3, 6 and 9.
    assert values(source) == pytest.approx([0, 30, 60, 90], abs=3)
    assert source.count == 50, 'an upper bound: containers often lie about their length'


@pytest.mark.parametrize(
    ('fps', 'expected'),
    [(20.0, [0, 0, 10, 20, 20, 30]), (75.0, [0, 20, 50]), (30.0, [0, 10, 20, 30])],
)
def test_images_are_left_out_or_repeated_at_any_ratio(tmp_path, fps, expected):
    write_video(tmp_path / 'clip.avi', count=6 if fps > 70 else 4, fps=fps)
    source = open_source(str(tmp_path / 'clip.avi'), Request(frames=50, rate_hz=30.0))
    assert values(source) == pytest.approx(expected, abs=3)


def test_a_video_is_let_go_of_even_before_its_end(tmp_path, monkeypatch):
    opened = []

    class Capture:
        """A cv2.VideoCapture that counts its releases."""

        def __init__(self, name: str) -> None:
            self.inner, self.released = capture(name), 0
            opened.append(self)

        def __getattr__(self, name: str):
            return getattr(self.inner, name)

        def release(self) -> None:
            self.released += 1
            self.inner.release()

    capture = cv2.VideoCapture
    monkeypatch.setattr(cv2, 'VideoCapture', Capture)
    write_video(tmp_path / 'clip.avi', count=3, fps=10.0)
    shots = open_source(str(tmp_path / 'clip.avi'), Request()).shots()
    next(shots)
    shots.close()
    (tmp_path / 'text.mp4').write_text('no video')
    with pytest.raises(DatasetError):
        open_source(str(tmp_path / 'text.mp4'), Request())
    assert [reader.released for reader in opened] == [1, 1, 1]


def test_pinhole_looks_60_degrees_wide():
    K = pinhole((200, 100))
    # tan(30 deg) = 0.57735: half of 200 pixels over that.
    assert K[0, 0] == pytest.approx(173.2051, abs=1e-3) and K[1, 1] == K[0, 0]
    assert K[0, 2] == 99.5 and K[1, 2] == 49.5


def test_a_prepared_drive_holds_the_images_and_how_many_there_really_were(tmp_path):
    write_video(tmp_path / 'clip.avi', count=4, fps=10.0)
    source = open_source(str(tmp_path / 'clip.avi'), Request(frames=9))
    plan = prepare(source, 10.0, tmp_path, lambda shots, total: shots)
    assert plan.count == 4 and plan.poses == [] and plan.size_wh == (48, 32)
    images = plan.picture_array(4)
    assert images.shape == (4, 32, 48, 3)
    assert images[:, 3, 5, 0].tolist() == pytest.approx([0, 10, 20, 30], abs=3)


def test_too_small_a_disk_is_noticed_before_anything_is_written(tmp_path, monkeypatch):
    write_picture(tmp_path / 'a.png', 7)
    source = open_source(str(tmp_path), Request())
    usage = type('Usage', (), {'free': 1000})
    monkeypatch.setattr(drive_module.shutil, 'disk_usage', lambda folder: usage)
    folder = tmp_path / 'work'
    folder.mkdir()
    with pytest.raises(DatasetError, match=r'not enough disk: 67 MB needed .*TMPDIR'):
        prepare(source, 10.0, folder, lambda shots, total: shots)
    assert not list(folder.iterdir())


def test_a_disk_that_fills_up_on_the_way_is_one_sentence(tmp_path, monkeypatch):
    write_picture(tmp_path / 'a.png', 7)
    source = open_source(str(tmp_path), Request())
    # Linux's own full disk.
    (tmp_path / 'images.raw').symlink_to('/dev/full')
    with pytest.raises(DatasetError, match='not enough disk'):
        prepare(source, 10.0, tmp_path, lambda shots, total: shots)


def test_the_street_drives_on_with_its_own_camera_and_poses(street):
    source = open_source('street', Request(frames=2, rate_hz=5.0, size_wh=(64, 40), seed=3))
    first, second = source.shots()
    assert (source.size_wh, source.count) == ((64, 40), 2)
    assert first.image.shape == (40, 64, 3)
    frame = street.render(0.0, (64, 40))
    assert (first.image == frame.image_bgr).all()
    assert np.array_equal(source.K, frame.K)
    step = np.linalg.norm(second.T_odom_base[:3, 3] - first.T_odom_base[:3, 3])
    # 5 m/s for a fifth of a second.
    assert step == pytest.approx(1.0, abs=0.05)
    assert (first.image != second.image).any()


def test_the_truth_about_the_street_is_kept_beside_its_images(tmp_path, street):
    source = open_source('street', Request(frames=3, rate_hz=5.0, size_wh=(56, 40), seed=3))
    plan = prepare(source, 5.0, tmp_path, lambda shots, total: shots, ('costmap',))
    assert plan.pictures == plan.images and plan.grid_topics == ('costmap',)
    frame = street.render(1.0, (56, 40))
    kept = plan.truth_array()
    assert kept.shape == (3,) and (kept['mask'][1] == frame.mask).all()
    near = frame.depth < 100
    assert np.allclose(kept['depth_m'][1][near], frame.depth[near], rtol=1e-3)
    assert np.isinf(kept['depth_m'][1][np.isinf(frame.depth)]).all()
    assert (plan.picture_array(3)[1] == frame.image_bgr).all()
    assert np.allclose(plan.poses[1], frame.T_odom_base)
    places = frame.T_odom_base[:2, 3] + np.array([[3.0, 0.0], [3.0, 4.0], [3.0, -30.0]])
    assert (source.class_at(places, 0.2) == street.class_at(places, 0.2)).all()


def test_true_masks_are_published_in_place_of_pictures_that_are_still_shown(tmp_path, street):
    request = Request(frames=1, size_wh=(56, 40), seed=3, true_masks=True)
    source = open_source('street', request)
    plan = prepare(source, 10.0, tmp_path, lambda shots, total: shots)
    frame = street.render(0.0, (56, 40))
    published = np.fromfile(plan.images, np.uint8).reshape(40, 56, 3)
    assert (published == frame.mask[..., None]).all() and len(np.unique(published)) > 3
    assert (plan.picture_array(1)[0] == frame.image_bgr).all()


def test_true_masks_are_refused_where_none_are_known_or_would_be_resized(tmp_path):
    write_picture(tmp_path / 'a.png', 7)
    with pytest.raises(DatasetError, match="only the source 'street' knows true masks"):
        open_source(str(tmp_path), Request(true_masks=True))
    with pytest.raises(BackendError, match=r'60x40 is not: nearest are 56x40, 64x40'):
        open_source('street', Request(size_wh=(60, 40), true_masks=True))


def test_only_the_street_knows_where_its_camera_sits(tmp_path):
    write_picture(tmp_path / 'a.png', 7)
    pictures = open_source(str(tmp_path), Request())
    assert pictures.mount is None and pictures.class_at is None
    plan = prepare(pictures, 10.0, tmp_path, lambda shots, total: shots)
    assert plan.truth == '' and plan.grid_topics == ()
    assert open_source('street', Request()).mount.height_m == 1.2
