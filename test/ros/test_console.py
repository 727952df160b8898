"""What becomes of text that nobody reads, at real pipes, terminals, sockets and files."""

from __future__ import annotations

import contextlib
import os
import pty
import shlex
import socket
import subprocess
import sys
import termios
import threading

import pytest

from espnet_ros.ros import console


@pytest.fixture
def use(monkeypatch):
    """Return a function that makes an open file sys.stdout, and stderr one that is closed."""
    with contextlib.ExitStack() as opened:

        def use(fd):
            stream = opened.enter_context(open(fd, 'w', closefd=False))
            monkeypatch.setattr(sys, 'stdout', stream)
            monkeypatch.setattr(sys, 'stderr', None)
            return stream

        yield use


@pytest.fixture
def pipe():
    """Return both ends of a pipe."""
    with contextlib.ExitStack() as closed:
        ends = os.pipe()
        for end in ends:
            closed.callback(os.close, end)
        yield ends


@pytest.fixture
def terminal():
    """Return the ends of a terminal, of who reads and of who writes."""
    with contextlib.ExitStack() as closed:
        ends = pty.openpty()
        for end in ends:
            closed.callback(os.close, end)
        yield ends


def fill(fd):
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(fd, bytes(4096))


def test_what_a_full_pipe_does_not_take_is_lost_and_the_rest_comes(use, pipe):
    reader, writer = pipe
    use(writer)
    console.never_wait()
    assert console.takes_text(writer)
    fill(writer)
    assert not console.takes_text(writer)
    os.set_blocking(reader, False)
    with contextlib.suppress(BlockingIOError):
        while os.read(reader, 4096):
            pass
    os.write(writer, b'news')
    assert os.read(reader, 4096) == b'news'


def test_a_stopped_terminal_takes_nothing_until_it_goes_on(use, terminal):
    reader, writer = terminal
    use(writer)
    console.never_wait()
    termios.tcflow(writer, termios.TCOOFF)
    assert not console.takes_text(writer)
    with pytest.raises(BlockingIOError):
        os.write(writer, b'lost')
    termios.tcflow(writer, termios.TCOON)
    assert console.takes_text(writer)
    os.write(writer, b'news')
    assert os.read(reader, 100) == b'news'


@pytest.mark.parametrize('kind', ['pipe', 'terminal'])
def test_others_that_write_there_wait_as_before(use, request, kind):
    _, writer = request.getfixturevalue(kind)
    other = os.dup(writer)
    use(writer)
    console.never_wait()
    blocking = os.get_blocking(other), os.get_blocking(writer)
    os.close(other)
    assert blocking == (True, False)


def test_a_file_goes_on_where_it_was(use, tmp_path):
    with (tmp_path / 'log').open('w') as file:
        file.write('first ')
        file.flush()
        use(file.fileno())
        console.never_wait()
        assert console.takes_text(file.fileno())
        os.write(file.fileno(), b'second')
    assert (tmp_path / 'log').read_text() == 'first second'


def test_a_socket_stays_as_it_is_and_tells_that_it_is_full(use):
    reader, writer = socket.socketpair()
    with reader, writer:
        use(writer.fileno())
        console.never_wait()
        assert os.get_blocking(writer.fileno()) and console.takes_text(writer.fileno())
        with contextlib.suppress(BlockingIOError):
            while True:
                writer.send(bytes(4096), socket.MSG_DONTWAIT)
        assert not console.takes_text(writer.fileno())


def test_nobody_waits_where_nobody_will_ever_read():
    reader, writer = os.pipe()
    os.close(reader)
    assert console.takes_text(writer)
    os.close(writer)
    assert console.takes_text(writer)


def test_only_what_would_not_wait_is_flushed(use, pipe):
    reader, writer = pipe
    stream = use(writer)
    console.never_wait()
    fill(writer)
    stream.write('late')
    assert not console.flush()
    os.set_blocking(reader, False)
    with contextlib.suppress(BlockingIOError):
        while os.read(reader, 4096):
            pass
    assert console.flush()
    assert os.read(reader, 100) == b'late'


def test_closed_streams_are_passed_over(monkeypatch):
    monkeypatch.setattr(sys, 'stdout', None)
    monkeypatch.setattr(sys, 'stderr', None)
    console.never_wait()
    assert console.flush()


def test_last_words_wait_for_a_reader_that_is_late(use, pipe, monkeypatch):
    reader, writer = pipe
    monkeypatch.setattr(sys, 'stderr', use(writer))
    console.never_wait()
    fill(writer)
    # What is waited for is the reader, who comes while it is.
    room = threading.Timer(0.05, lambda: os.read(reader, 1 << 20))
    room.start()
    console.tell('last words')
    room.join()
    os.set_blocking(reader, False)
    assert os.read(reader, 1 << 20).endswith(b'last words\n')


def test_a_pipe_holds_what_a_late_reader_has_not_read_yet(use, pipe):
    _, writer = pipe
    use(writer)
    console.never_wait()
    lines = 0
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, bytes(400)) == 400:
            lines += 1
    assert lines > 2000


def test_nothing_opened_later_gets_the_number_of_a_closed_console(tmp_path):
    code = (
        'import os, sys\n'
        'from espnet_ros.ros.console import open_closed\n'
        'open_closed()\n'
        "file = open(sys.argv[1], 'w')\n"
        "print('lost', file=open(2, 'w'))\n"
        "file.write(f'{file.fileno() > 2} {sys.stdout} {os.read(0, 1)}')\n"
    )
    words = [sys.executable, '-c', code, str(tmp_path / 'file')]
    # Python as it starts where a shell has closed them.
    command = f'exec {shlex.join(words)} <&- >&- 2>&-'
    subprocess.run(['sh', '-c', command], check=True, timeout=60)
    assert (tmp_path / 'file').read_text() == "True None b''"


def test_last_words_do_not_wait_for_a_socket_that_nobody_reads(monkeypatch):
    monkeypatch.setattr(console, '_LAST_WAIT_S', 0.01)
    reader, writer = socket.socketpair()
    with reader, writer, open(writer.fileno(), 'w', closefd=False) as stream:
        monkeypatch.setattr(sys, 'stderr', stream)
        console.tell('in time')
        with contextlib.suppress(BlockingIOError):
            while True:
                writer.send(bytes(4096), socket.MSG_DONTWAIT)
        teller = threading.Thread(target=console.tell, args=('too late',), daemon=True)
        teller.start()
        teller.join(30.0)
        assert not teller.is_alive()
        assert reader.recv(8) == b'in time\n'
