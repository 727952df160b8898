"""What is told of a build, by whom, and for how long."""

from __future__ import annotations

from espnet_ros.ros.progress import Progress


def test_a_sentence_is_reported_at_once_only_where_somebody_waits_for_it():
    progress, reported = Progress(), []

    def report():
        reported.append(progress.sentence)

    progress.tell('10 % done')
    with progress.reported_at_once(report):
        progress.tell('40 % done')
    assert progress.sentence == ''
    progress.tell('50 % done')
    assert reported == ['40 % done'] and progress.sentence == '50 % done'
    progress.clear()
    assert progress.sentence == ''


def test_what_fails_leaves_no_sentence_either():
    progress = Progress()
    try:
        with progress.reported_at_once(lambda: None):
            progress.tell('40 % done')
            raise MemoryError
    except MemoryError:
        pass
    assert progress.sentence == ''
