"""Turn the measurements of each worker into one row."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from typing import Any

from espnet_ros.benchmark.contender import Contender
from espnet_ros.benchmark.timing import END_TO_END, UPLOAD
from espnet_ros.core.statistics import percentiles, rounded

# Stages in the order in which an image passes them; others come last.
STAGES = ('decode', 'resize', UPLOAD, 'infer', 'post', 'publish')

_EMPTY: dict[str, Any] = {
    'device': None,
    'stage_ms': None,
    'end_to_end_ms': None,
    'ratio_to_baseline': None,
    'gemm_fraction': None,
    'mask_agreement': None,
    'images_per_s': None,
    'images_per_s_at_rate': None,
    'arrived': None,
    'missed': None,
    'cpu_s_per_image': None,
    'peak_rss_mb': None,
    'energy_j_per_image': None,
    'energy_reason': None,
    'load_s': None,
    'images': 0,
}


def make_row(
    contender: Contender,
    baseline: Contender,
    macs: int,
    peaks: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> dict[str, Any]:
    """Return the row of a contender; if it failed, figures are None and `reason` says why.

    :param macs: multiply-accumulate operations for one image.
    :param peaks: `roofline.peaks`.
    :return: for the images that came at a fixed rate, ``images_per_s_at_rate`` is how many were
        processed over the time that took, and ``missed`` of ``arrived`` were replaced by a newer
        one (`timing.Pace`).
    """
    request = contender.request
    row = {
        'backend': request['backend'],
        'precision': contender.facts.get('precision', request['precision']),
        'size_wh': list(request['size_wh']),
        **_EMPTY,
        'reason': contender.reason,
    }
    if contender.reason is not None or not contender.rounds:
        return row
    row |= _figures(contender)
    row['ratio_to_baseline'] = ratio(contender.rounds, baseline.rounds)
    peak = peaks.get(_kind(row['device']), {}).get(row['precision'])
    if peak:
        row['gemm_fraction'] = gemm_fraction(contender.rounds, macs, peak['by_round'])
    return row


def ratio(rounds: list[dict[str, Any]], baseline: list[dict[str, Any]]) -> float | None:
    """Return how many times as fast as the baseline: the median of the ratios of each round.

    Both were measured within seconds of each other in a round, so that what slowed one down
    slowed the other, too.
    """
    pairs = [
        statistics.median(theirs['times_ms'][END_TO_END])
        / statistics.median(ours['times_ms'][END_TO_END])
        # A worker that died has fewer rounds.
        for ours, theirs in zip(rounds, baseline, strict=False)
    ]
    return round(statistics.median(pairs), 3) if pairs else None


def gemm_fraction(rounds: list[dict[str, Any]], macs: int, peak_gflops: list[float]) -> float:
    """Return the speed of the network's multiplications as a share of the peak.

    :param macs: of one image, two operations each.
    :param peak_gflops: of the matrix product in each round, for the reason given in `ratio`.
    """
    shares = [
        2e-6 * macs / statistics.median(entry['times_ms']['infer']) / peak
        for entry, peak in zip(rounds, peak_gflops, strict=False)
    ]
    return round(statistics.median(shares), 4)


def _figures(contender: Contender) -> dict[str, Any]:
    rounds, facts = contender.rounds, contender.facts
    times = _stage_times(rounds)
    images = len(times[END_TO_END])
    arrived = sum(entry['arrived'] for entry in rounds)
    missed = sum(entry['missed'] for entry in rounds)
    joules = [entry['energy_j'] for entry in rounds]
    known = [stage for stage in STAGES if stage in times]
    others = [stage for stage in times if stage not in (*STAGES, END_TO_END)]
    return {
        'device': facts['device'],
        'stage_ms': {stage: percentiles(times[stage]) for stage in known + others},
        'end_to_end_ms': percentiles(times[END_TO_END]),
        'mask_agreement': rounded(facts.get('mask_agreement'), 6),
        'images_per_s': round(
            statistics.median(len(e['times_ms'][END_TO_END]) / e['seconds'] for e in rounds), 3
        ),
        'images_per_s_at_rate': round(
            (arrived - missed) / sum(entry['paced_s'] for entry in rounds), 3
        ),
        'arrived': arrived,
        'missed': missed,
        'cpu_s_per_image': round(sum(entry['cpu_s'] for entry in rounds) / images, 5),
        'peak_rss_mb': rounded(facts.get('peak_rss_mb'), 1),
        'energy_j_per_image': None if None in joules else round(sum(joules) / images, 4),
        'energy_reason': next(filter(None, (entry['energy_reason'] for entry in rounds)), None),
        'load_s': rounded(facts['load_s'], 3),
        'images': images,
    }


def _stage_times(rounds: list[dict[str, Any]]) -> dict[str, list[float]]:
    times: dict[str, list[float]] = {}
    for entry in rounds:
        for stage, values in entry['times_ms'].items():
            times.setdefault(stage, []).extend(values)
    uploads = [value for entry in rounds for value in entry['uploads_ms']]
    if uploads:
        # Measured apart, as a part of the inference.
        upload = statistics.median(uploads)
        times |= {UPLOAD: uploads, 'infer': [max(0.0, v - upload) for v in times['infer']]}
    return times


def _kind(device: str) -> str:
    """Return ``cpu`` or ``cuda`` for a backend's name of its device."""
    return 'cpu' if device.startswith('CPU') else 'cuda'
