"""The real parser and builder: TensorRT for RTX builds without a GPU, for those it supports."""

import signal
import sys
import threading
import weakref
from collections import deque
from types import SimpleNamespace

import numpy as np
import pytest

from espnet_ros.backends import tensorrt_backend, tensorrt_builder, tensorrt_library
from espnet_ros.backends.cuda_driver import Gpu
from espnet_ros.backends.tensorrt_builder import Profile, build_engine
from espnet_ros.backends.tensorrt_engines import Engines
from espnet_ros.backends.tensorrt_library import load_library
from espnet_ros.backends.tensorrt_progress import BuildView, build_apart
from espnet_ros.bundle import Bundle
from espnet_ros.core.errors import BackendError, BackendUnavailableError, DeviceError

needs_rtx = pytest.mark.skipif(
    not tensorrt_library.installed('tensorrt_rtx'), reason='tensorrt_rtx is not installed'
)
PLAN = b'vtrt'
ADA, TURING = Gpu('RTX 4090', (8, 9), 128, 24), Gpu('RTX 2080', (7, 5), 46, 8)


def device(gpu=ADA, **calls):
    """Return an open device as far as a build needs it."""
    free = {'use': lambda: None, 'free_memory': lambda: 1 << 20}
    return SimpleNamespace(gpu=gpu, **(free | calls))


@pytest.fixture
def library(monkeypatch):
    # TensorRT itself does not even make a builder without a GPU.
    monkeypatch.setattr(tensorrt_library, 'LIBRARIES', ('tensorrt_rtx',))
    return load_library()


@needs_rtx
@pytest.mark.parametrize('role', ['onnx', 'onnx_f16', 'onnx_int8'])
@pytest.mark.parametrize('cuda', [None, device(TURING)], ids=['any', 'Turing'])
def test_our_graph_is_parsed_and_built(role, cuda, library, checker):
    model = checker.files[role].read_bytes()
    plan, timing = build_engine(library, model, Profile(3, 48, 64), cuda, None)
    assert plan.startswith(PLAN)
    assert timing is None


@needs_rtx
def test_what_the_builder_is_told(library, checker, monkeypatch):
    made = {}

    class Builder(library.module.Builder):
        def create_builder_config(self):
            made['config'] = super().create_builder_config()
            return made['config']

        def create_optimization_profile(self):
            made['profile'] = super().create_optimization_profile()
            return made['profile']

    monkeypatch.setattr(library.module, 'Builder', Builder)
    build_engine(library, checker.files['onnx'].read_bytes(), Profile(3, 48, 64), None, None)
    flags = library.module.BuilderFlag
    assert made['config'].get_flag(flags.REQUIRE_USER_ALLOCATION)
    assert not made['config'].get_flag(flags.TF32)
    assert made['config'].num_optimization_profiles == 1
    # From one image to the batch, and fast for the batch.
    shapes = [tuple(shape) for shape in made['profile'].get_shape('image')]
    assert shapes == [(1, 48, 64, 3), (3, 48, 64, 3), (3, 48, 64, 3)]


@needs_rtx
@pytest.mark.parametrize(('batch', 'expected'), [(1, (1, 48, 64, 3)), (3, (-1, 48, 64, 3))])
@pytest.mark.parametrize('role', ['onnx', 'onnx_f16', 'onnx_int8'])
def test_the_network_that_is_built(role, batch, expected, library, checker, monkeypatch):
    seen, build = [], library.module.Builder.build_serialized_network

    def look(builder, network, config):
        seen.append(tuple(network.get_input(0).shape))
        seen.append([tuple(network.get_output(i).shape) for i in range(2)])
        layers = [network.get_layer(i) for i in range(network.num_layers)]
        used = {layer.get_input(i).name for layer in layers for i in range(layer.num_inputs)
                if layer.get_input(i)}  # fmt: skip
        (top,) = (layer for layer in layers if layer.type == library.module.LayerType.TOPK)
        seen.append(used & {top.get_output(0).name, top.get_output(1).name})
        return build(builder, network, config)

    monkeypatch.setattr(library.module.Builder, 'build_serialized_network', look)
    model = checker.files[role].read_bytes()
    assert build_engine(library, model, Profile(batch, 48, 64), None, None)[0].startswith(PLAN)
    # Height and width are fixed, and nothing is left that asks the slow TopK.
    assert seen == [expected, [expected[:3]] * 2, set()]


@needs_rtx
@pytest.mark.parametrize(('gpu', 'kinds'), [(ADA, set()), (TURING, {'SM75'})])
def test_a_kind_of_gpu_is_named_only_where_the_library_leaves_it_out(
    gpu, kinds, library, checker, monkeypatch
):
    told, build = [], library.module.Builder.build_serialized_network

    def look(builder, network, config):
        count = config.num_compute_capabilities
        told.append({config.get_compute_capability(i).name for i in range(count)})
        return build(builder, network, config)

    monkeypatch.setattr(library.module.Builder, 'build_serialized_network', look)
    model = checker.files['onnx'].read_bytes()
    build_engine(library, model, Profile(1, 48, 64), device(gpu), None)
    assert told == [kinds]


@needs_rtx
@pytest.mark.parametrize(('free', 'taken'), [(6 << 30, 3 << 30), (100 << 20, 512 << 20)])
def test_a_build_may_take_half_of_what_is_free(free, taken, library, checker, monkeypatch):
    limits, build = [], library.module.Builder.build_serialized_network
    cuda = device(free_memory=lambda: free)

    def look(builder, network, config):
        limits.append(config.get_memory_pool_limit(library.module.MemoryPoolType.WORKSPACE))
        return build(builder, network, config)

    monkeypatch.setattr(library.module.Builder, 'build_serialized_network', look)
    model = checker.files['onnx'].read_bytes()
    build_engine(library, model, Profile(1, 48, 64), cuda, None)
    assert limits == [taken]


@needs_rtx
def test_ctrl_c_ends_a_build(library, checker, monkeypatch, capfd):
    steps, step = [], BuildView.step

    def interrupted(view, *arguments):
        step(view, *arguments)
        steps.append(arguments)
        if len(steps) == 1:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            assert view.cancelled.wait(30)

    monkeypatch.setattr(BuildView, 'step', interrupted)
    model = checker.files['onnx'].read_bytes()
    with pytest.raises(KeyboardInterrupt):
        build_engine(library, model, Profile(1, 48, 64), None, None)
    assert len(steps) == 1
    # The library says so of what its callbacks raise, and forgets it.
    assert 'Exception caught' not in capfd.readouterr().err
    # The next build is a new one.
    plan, _ = build_engine(library, model, Profile(1, 48, 64), None, None)
    assert plan.startswith(PLAN)


def test_ctrl_c_while_the_thread_starts_leaves_no_build_behind(monkeypatch):
    built, threads, start = [], [], threading.Thread.start

    def interrupted(thread):
        start(thread)
        threads.append(thread)
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, 'start', interrupted)
    with pytest.raises(KeyboardInterrupt):
        build_apart(lambda: built.append(1), BuildView())
    # It ends after all that it was given.
    (thread,) = threads
    thread.join(30)
    assert not thread.is_alive()
    assert not built


@needs_rtx
def test_a_build_that_lacks_memory_says_what_is_free(library, checker, monkeypatch):
    threads = []
    cuda = device(
        use=lambda: threads.append(threading.get_ident()),
        memory=lambda: '1.0 of 8.0 MiB are free',
    )

    def build(builder, network, config):
        threads.append(threading.get_ident())
        library.messages.append('Error Code 10: could not run due to insufficient workspace')

    monkeypatch.setattr(library.module.Builder, 'build_serialized_network', build)
    model, profile = checker.files['onnx'].read_bytes(), Profile(3, 48, 64)
    words = r'images of 64x48 in batches up to 3: .*workspace; .*, 1\.0 of 8\.0 MiB are free'
    with pytest.raises(DeviceError, match=words):
        build_engine(library, model, profile, cuda, None)
    # The device is made current where the library measures on it.
    assert len(threads) == 2 and len(set(threads)) == 1
    # Without a device it is the processor's memory.
    with pytest.raises(BackendError, match=r'insufficient workspace$') as error:
        build_engine(library, model, profile, None, None)
    assert not isinstance(error.value, DeviceError)


@needs_rtx
def test_a_builder_that_can_not_open_the_device_says_why(library, checker, monkeypatch):
    def refuse(logger):
        severity = library.module.ILogger.Severity
        for level, text in (
            (severity.INFO, 'CUDA initialization'),
            (severity.WARNING, 'CUDA lazy loading is not enabled'),
            (severity.WARNING, 'CUDA initialization failure with\nerror: 35'),
        ):
            logger.log(level, text)
        raise TypeError('pybind11::init(): factory function returned nullptr')

    monkeypatch.setattr(library.module, 'Builder', refuse)
    model, cuda = checker.files['onnx'].read_bytes(), device()
    words = 'could not open the device: CUDA initialization failure with error: 35: '
    with pytest.raises(DeviceError, match=words):
        build_engine(library, model, Profile(1, 48, 64), cuda, None)


@needs_rtx
@pytest.mark.parametrize(
    'text',
    [
        'Device memory is insufficient to use tactic.',
        'Tactic Selection: no tactics to implement the operation within workspace limit.',
        'Skipping tactic 0 due to insufficient memory on requested size of 4096',
        'Requested amount of GPU memory (1024 bytes) could not be allocated.',
    ],
)
def test_a_build_that_dies_for_memory_is_told_as_such(text, library, checker, monkeypatch):
    severity = library.module.ILogger.Severity

    def build(builder, network, config):
        library.logger.log(severity.WARNING, text)
        library.logger.log(severity.ERROR, 'Could not find any implementation for node taps.')

    cuda = device(memory=lambda: '1.0 of 8.0 MiB are free')
    monkeypatch.setattr(library.module.Builder, 'build_serialized_network', build)
    model = checker.files['onnx'].read_bytes()
    with pytest.raises(DeviceError, match=r'any implementation .* 1\.0 of 8\.0 MiB are free'):
        build_engine(library, model, Profile(1, 48, 64), cuda, None)


@needs_rtx
def test_an_error_of_a_build_that_is_kept_does_not_keep_the_builder(library, monkeypatch):
    made, kind = [], library.module.Builder

    def make(logger):
        builder = kind(logger)
        made.append(weakref.ref(builder))
        return builder

    monkeypatch.setattr(library.module, 'Builder', make)
    with pytest.raises(BackendError) as error:
        build_engine(library, b'nonsense', Profile(1, 48, 64), None, None)
    assert error.value.__traceback__ is not None and made[0]() is None


@needs_rtx
def test_the_shipped_model_is_built_and_tells_its_progress(library, monkeypatch):
    percents = []
    monkeypatch.setattr(BuildView, '_show', lambda view: percents.append(view.percent()))
    bundle = Bundle.load('espnet_camvid')
    width, height = bundle.size_wh
    profile = Profile(1, height, width)
    for role in set(bundle.files) - {'weights'}:
        model = bundle.files[role].read_bytes()
        assert build_engine(library, model, profile, None, None)[0].startswith(PLAN)
    # The library does not tell the last step of all.
    assert min(percents) < 20 and 80 < max(percents) <= 100


@needs_rtx
@pytest.mark.parametrize(
    ('kind', 'names'),
    [
        ('Runtime', ['deserialize_cuda_engine']),
        (
            'ICudaEngine',
            ['create_execution_context', 'create_runtime_config', 'device_memory_size_v2'],
        ),
        (
            'IRuntimeConfig',
            [
                'create_runtime_cache', 'set_runtime_cache',
                'set_execution_context_allocation_strategy',
                'dynamic_shapes_kernel_specialization_strategy',
            ],
        ),
        ('IRuntimeCache', ['serialize', 'deserialize']),
        (
            'IExecutionContext',
            [
                'set_tensor_address', 'set_input_shape', 'execute_async_v3',
                'is_stream_capturable', 'set_device_memory',
            ],
        ),
        ('DynamicShapesKernelSpecializationStrategy', ['EAGER']),
        ('ExecutionContextAllocationStrategy', ['USER_MANAGED']),
    ],
)  # fmt: skip
def test_what_only_a_gpu_can_run_is_at_least_there_by_name(kind, names, library):
    missing = [name for name in names if not hasattr(getattr(library.module, kind), name)]
    assert not missing


@needs_rtx
def test_operators_that_it_lacks_are_named(library):
    onnx = pytest.importorskip('onnx')
    make, uint8 = onnx.helper.make_node, onnx.TensorProto.UINT8
    nodes = [
        make('Cast', ['image'], ['pixels'], to=1),
        make('Frobnicate', ['pixels'], ['other'], domain='nobody'),
        make('Det', ['other'], ['scores']),
        make('Cast', ['scores'], ['mask'], to=2),
    ]
    tensors = [onnx.helper.make_tensor_value_info(n, uint8, None) for n in ('image', 'mask')]
    graph = onnx.helper.make_graph(nodes, 'graph', tensors[:1], tensors[1:])
    opsets = [onnx.helper.make_opsetid('', 17), onnx.helper.make_opsetid('nobody', 1)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    with pytest.raises(BackendError, match=r'cannot run this ONNX graph: Frobnicate: .*; Det'):
        build_engine(library, model.SerializeToString(), Profile(1, 48, 64), None, None)


@needs_rtx
def test_graphs_of_others_are_refused(library):
    onnx = pytest.importorskip('onnx')
    value = onnx.helper.make_tensor_value_info
    node = onnx.helper.make_node('Relu', ['image'], ['mask'])
    shape = [1, 48, 64, 3]
    graph = onnx.helper.make_graph(
        [node], 'graph', [value('image', 1, shape)], [value('mask', 1, shape)]
    )
    opsets = [onnx.helper.make_opsetid('', 17)]
    model = onnx.helper.make_model(graph, opset_imports=opsets, ir_version=8)
    with pytest.raises(BackendError, match='expected an ONNX graph from uint8 image to uint8'):
        build_engine(library, model.SerializeToString(), Profile(1, 48, 64), None, None)


@needs_rtx
def test_a_file_that_is_no_onnx(library):
    with pytest.raises(BackendError, match=r'the file: .*Failed to parse'):
        build_engine(library, b'nonsense', Profile(1, 48, 64), None, None)


@needs_rtx
def test_a_size_that_the_graph_can_not_take_is_named(library, checker):
    model = checker.files['onnx'].read_bytes()
    words = 'could not build an engine for images of 61x48 in batches up to 1: '
    with pytest.raises(BackendError, match=words):
        build_engine(library, model, Profile(1, 48, 61), None, None)


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(tensorrt_library, 'installed', lambda name: False)
    words = 'needs TensorRT 10 or later.*python3-libnvinfer.*elsewhere `pip install tensorrt`'
    with pytest.raises(BackendUnavailableError, match=words):
        load_library()


def test_versions_before_10_are_refused(monkeypatch, tmp_path):
    (tmp_path / 'tensorrt.py').write_text("__version__ = '8.6.2'")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, 'tensorrt', raising=False)
    with pytest.raises(BackendUnavailableError, match=r'8\.6\.2 is installed: use JetPack 6\.1'):
        load_library()
    del sys.modules['tensorrt']


@needs_rtx
def test_rtx_builds_ahead_without_a_gpu_and_finds_it_again(library, checker, monkeypatch):
    monkeypatch.setattr(tensorrt_backend, 'Cuda', no_gpu)
    words, built = tensorrt_backend.build_ahead(checker, 'auto', 'auto', (64, 48), 2)
    assert built
    assert words.endswith('64x48, up to 2 at once, on any RTX GPU from Ampere on')
    assert tensorrt_backend.build_ahead(checker, 'auto', 'f16', (64, 48), 2) == (words, False)
    # What a machine with such a GPU will look for.
    for gpu, there in ((ADA, True), (TURING, False)):
        engines = Engines(library, device(gpu), checker, 'f16')
        assert (engines.cached(Profile(2, 48, 64)) is not None) == there
    with pytest.raises(BackendUnavailableError, match='no GPU'):
        tensorrt_backend.build_ahead(checker, 'cuda:0', 'auto', (64, 48))


def no_gpu(index):
    raise BackendUnavailableError('no GPU')


@pytest.mark.parametrize(('flags', 'asked'), [({'STRONGLY_TYPED': 1}, 2), ({}, 0)])
def test_networks_are_strongly_typed_by_flag_or_because_there_is_no_other_kind(flags, asked):
    seen = []
    parser = SimpleNamespace(parse=lambda model: False, num_errors=0)
    module = SimpleNamespace(
        NetworkDefinitionCreationFlag=SimpleNamespace(**flags),
        OnnxParser=lambda network, logger: parser,
    )
    library = tensorrt_library.Library(module, 'TensorRT 12', False, deque(), None)
    builder = SimpleNamespace(create_network=seen.append)
    with pytest.raises(BackendError, match='TensorRT 12 cannot run this ONNX graph'):
        tensorrt_builder._parse(library, builder, b'')
    assert seen == [asked]


class Config:
    """The calls of a builder config on timing caches; only b'right' and empty ones fit."""

    def __init__(self):
        self.set = []

    def create_timing_cache(self, content):
        return None if content == b'broken' else content

    def set_timing_cache(self, cache, ignore_mismatch):
        assert not ignore_mismatch
        self.set.append(cache)
        return cache in (b'right', b'')


@pytest.mark.parametrize(
    ('timing', 'used'),
    [(None, b''), (b'right', b'right'), (b'of another version', b''), (b'broken', b'')],
)
def test_a_timing_cache_that_does_not_fit_is_begun_anew(timing, used):
    config = Config()
    assert tensorrt_builder._timing_cache(config, timing) == used
    assert config.set[-1] == used


def test_nested_steps_count_for_their_share_and_never_go_back():
    view = BuildView()
    view.start('build', None, 4)
    view.step('build', 0)
    assert view.percent() == 25
    view.start('time', 'build', 2)
    view.start('tactics', 'time', 10)
    view.step('tactics', 4)
    assert view.percent() == pytest.approx(25 + 25 / 2 / 2)
    view.finish('tactics')
    assert view.percent() == pytest.approx(31.25)
    view.finish('time')
    view.step('build', 1)
    assert view.percent() == 50
    view.finish('build')
    assert view.percent() == 50


def test_a_terminal_has_a_bar(monkeypatch, capsys):
    pytest.importorskip('tqdm')
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    view = BuildView()
    view.start('build', None, 2)
    view.step('build', 0)
    view.step('build', 1)
    view.finish('build')
    shown = capsys.readouterr().err
    assert 'building the engine' in shown and '100' in shown


def test_a_build_that_fails_takes_its_bar_away(monkeypatch, capsys):
    pytest.importorskip('tqdm')
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    with BuildView() as view:
        view.start('build', None, 2)
        bar = view._bar
        assert bar is not None and bar.shown
    assert not bar.shown


@pytest.mark.parametrize(('fails', 'expected'), [(False, range(1, 101, 8)), (True, [1])])
def test_the_listener_is_told_once_a_second_until_it_fails(fails, expected, monkeypatch, caplog):
    # An eighth of a second a step, which floats hold exactly.
    now, told = [100.0], []

    def listen(percent):
        told.append(percent)
        if fails:
            raise RuntimeError('the context is gone')

    monkeypatch.setattr('espnet_ros.backends.tensorrt_progress.time.monotonic', lambda: now[0])
    view = BuildView(listen)
    view.start('build', None, 100)
    for step in range(100):
        view.step('build', step)
        now[0] += 0.125
    assert told == list(expected)
    assert ('the context is gone' in caplog.text) == fails


def test_the_log_has_a_line_now_and_then(monkeypatch, caplog):
    now = [0.0]
    monkeypatch.setattr('espnet_ros.backends.tensorrt_progress.time.monotonic', lambda: now[0])
    view = BuildView()
    view.start('build', None, 100)
    for step in range(100):
        now[0] += 0.5
        view.step('build', step)
    lines = [record.message for record in caplog.records]
    assert lines == [f'building the engine, {p} % done' for p in (20, 40, 60, 80, 100)]
    assert np.all(view.percent() == 100)
