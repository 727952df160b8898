"""`backend: auto` goes on to the next backend; a named one does not."""

import traceback
import weakref

import numpy as np
import pytest

from espnet_ros.backends.auto_backend import AutoBackend
from espnet_ros.backends.base import Backend
from espnet_ros.core.errors import (
    BackendError,
    BackendUnavailableError,
    BundleError,
    DeviceError,
)

IMAGES = np.zeros((1, 16, 24, 3), np.uint8)


class Fake(Backend):
    device_kinds = ('cpu', 'cuda')
    precisions = ('f32', 'f16')

    def __init__(self, bundle, name, answer, device='auto'):
        super().__init__(bundle, device, 'f32')
        self.name = name
        self.answer = answer
        self.load_error = None
        self.run_error = None
        self.loaded = 0

    def _load(self, device, precision):
        if self.load_error:
            raise self.load_error
        self.loaded += 1
        return f'device of {self.name}', precision

    def _infer(self, images):
        if self.run_error:
            raise self.run_error
        mask = np.full(images.shape[:3], self.answer, np.uint8)
        return mask, mask

    def _free(self):
        self.loaded = 0


@pytest.fixture
def fakes(checker):
    return [Fake(checker, name, answer) for answer, name in enumerate(('gpu', 'cpu', 'slow'))]


def answer(backend) -> int:
    mask, _ = backend.infer(IMAGES)
    assert mask.shape == (1, 16, 24)
    return int(mask[0, 0, 0])


def test_it_is_the_first_that_can_be_loaded(fakes, caplog):
    with AutoBackend(fakes) as backend:
        assert (backend.name, backend.device, answer(backend)) == ('gpu', 'device of gpu', 0)
    assert not caplog.records and fakes[0].loaded == 0
    fakes[0].load_error = BackendUnavailableError('no driver')
    with AutoBackend(fakes) as backend:
        assert (backend.name, backend.device, answer(backend)) == ('cpu', 'device of cpu', 1)
        assert fakes[1].loaded == 1
    assert [record.message for record in caplog.records] == [
        'backend auto switches to cpu, because gpu on auto failed: no driver'
    ]


def test_it_goes_on_when_the_device_fails_and_answers_the_same_call(fakes, caplog):
    with AutoBackend(fakes) as backend:
        assert answer(backend) == 0
        fakes[0].run_error = DeviceError('2 MiB more are needed, 1 of 8 MiB are free')
        fakes[1].load_error = BackendError('damaged')
        assert answer(backend) == 2
        assert (backend.name, backend.device) == ('slow', 'device of slow')
        assert [fake.loaded for fake in fakes] == [0, 0, 1]
        assert answer(backend) == 2
    assert [record.message for record in caplog.records] == [
        'backend auto switches to cpu, because gpu on device of gpu failed: 2 MiB more are '
        'needed, 1 of 8 MiB are free',
        'backend auto switches to slow, because cpu on auto failed: damaged',
    ]


def test_what_a_failed_run_held_is_free_before_the_next_one_loads(fakes):
    class Memory:
        pass

    held = []

    def run_out(images):
        activations = Memory()
        held.append(weakref.ref(activations))
        try:
            raise RuntimeError('out of memory')
        except RuntimeError as error:
            # As a variable of its own frame it would wait for the garbage collector.
            failure = DeviceError('full')
            raise failure from error

    def load(device, precision):
        assert held and held[0]() is None
        return 'device', precision

    fakes[0]._infer, fakes[1]._load = run_out, load
    with AutoBackend(fakes) as backend:
        assert answer(backend) == 1


def test_entered_again_it_begins_with_the_best_again(fakes):
    backend = AutoBackend(fakes)
    fakes[0].run_error = DeviceError('gone')
    with backend:
        assert answer(backend) == 1
    assert backend.name == 'gpu'
    fakes[0].run_error = None
    with backend:
        assert answer(backend) == 0


def test_it_goes_on_when_the_first_images_fail_as_an_engine_can_not_be_built(fakes):
    fakes[0].run_error = BackendError('the builder has no workspace')
    fakes[1].run_error = RuntimeError('no kernel image for this device')
    with AutoBackend(fakes) as backend:
        assert answer(backend) == 2
        assert [fake.loaded for fake in fakes] == [0, 0, 1]
        fakes[2].run_error = BackendError('one bad image')
        with pytest.raises(BackendError, match='one bad image'):
            backend.infer(IMAGES)


def test_other_errors_do_not_move_it(fakes):
    with AutoBackend(fakes) as backend:
        assert answer(backend) == 0
        fakes[0].run_error = RuntimeError('one bad image')
        with pytest.raises(BackendError, match=r'gpu failed on images .* of 1: .*one bad image'):
            backend.infer(IMAGES)
        with pytest.raises(BackendError, match='images must be'):
            backend.infer(IMAGES[0])
        fakes[0].run_error = None
        assert answer(backend) == 0


def test_the_last_one_fails_as_if_named(fakes):
    for fake in fakes:
        fake.load_error = BackendUnavailableError(f'no {fake.name}')
    with pytest.raises(BackendUnavailableError, match=r'^no slow$'), AutoBackend(fakes):
        pass
    for fake in fakes:
        fake.load_error, fake.run_error = None, DeviceError(f'{fake.name} is full')
    with AutoBackend(fakes) as backend, pytest.raises(DeviceError, match='slow is full'):
        backend.infer(IMAGES)


def test_when_none_is_left_each_image_says_why_the_last_one_could_not_be_loaded(fakes):
    with AutoBackend(fakes) as backend:
        assert answer(backend) == 0
        fakes[0].run_error = DeviceError('gone')
        fakes[1].load_error = BackendError('damaged')
        fakes[2].load_error = RuntimeError('no memory')
        depths = set()
        for _ in range(4):
            with pytest.raises(BackendError, match=r'slow could not load .*: no memory') as error:
                backend.infer(IMAGES)
            depths.add(len(traceback.extract_tb(error.value.__cause__.__traceback__)))
        # The first one came from within; the others do not grow.
        assert len(depths) == 2
        assert [fake.loaded for fake in fakes] == [0, 0, 0]
    fakes[0].run_error = None
    with backend:
        assert answer(backend) == 0


def test_a_file_that_one_can_not_use_does_not_keep_the_others_from_theirs(fakes):
    fakes[0].load_error = BundleError('model_f16.onnx is damaged')
    with AutoBackend(fakes) as backend:
        assert answer(backend) == 1


def test_what_it_was_asked_for_holds_for_the_one_that_runs(fakes):
    told = []
    backend = AutoBackend(fakes)
    backend.on_progress, backend.threads = told.append, 3
    with backend:
        fakes[0].on_progress('half done')
        assert fakes[0].threads == 3
    assert told == ['half done']


def test_it_uploads_as_the_one_that_runs(fakes):
    backend = AutoBackend(fakes)
    assert not backend.upload(IMAGES)
    uploaded = []
    fakes[0].upload = lambda images: uploaded.append(images) is None
    with backend:
        assert backend.upload(IMAGES) and uploaded == [IMAGES]
        fakes[0].run_error = DeviceError('gone')
        assert answer(backend) == 1 and not backend.upload(IMAGES)


def test_batches_are_worth_it_on_a_gpu_until_it_moves_on(fakes):
    fakes[0]._load = lambda device, precision: ('cuda:0 (Orin)', precision)
    with AutoBackend(fakes) as backend:
        assert answer(backend) == 0 and backend.gains_by_batches
        fakes[0].run_error = DeviceError('gone')
        assert answer(backend) == 1 and not backend.gains_by_batches
