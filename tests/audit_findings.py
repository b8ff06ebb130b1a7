"""Findings made by hand: photographs with drawn heat, and whole reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from live_gradcam.audit.comparison import compared
from live_gradcam.audit.findings import (
    AuditReport,
    ClassFinding,
    ClusterFinding,
    PhotoFinding,
    Verdict,
)
from live_gradcam.explanation import HeatMap
from live_gradcam.metrics.bootstrap import Mean

SIDE = 7


def spot(x: float, y: float, spread: float = 0.8) -> HeatMap:
    """Return a map (7, 7) with one round spot; x and y in cells."""
    across, down = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    heat = np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * spread**2))
    return np.asarray(heat / heat.max(), np.float32)


def photo(
    name: str, heat: HeatMap, *, truth: str = "cat", predicted: str | None = None, probability: float = 0.9
) -> PhotoFinding:
    """Return a photograph's finding; it is recognised unless something else is predicted."""
    predicted = predicted or truth
    return PhotoFinding(
        name=name,
        truth=truth,
        predicted=predicted,
        probability=probability,
        truth_probability=probability if predicted == truth else 1 - probability,
        heatmap=heat,
    )


VERDICTS: tuple[tuple[Verdict, str], ...] = (
    ("background", "71% of the effect is the background, 95%: 62–80."),
    ("both", "48% of the effect is the background, 95%: 39–58."),
    ("cannot tell", "8 photographs are too few to tell."),
    ("thing", "6% of the effect is the background, 95%: 2–11."),
)


def mean(value: float, spread: float = 0.08) -> Mean:
    """Return a mean with an interval around it."""
    return Mean(value, value - spread, value + spread, 30)


def cluster(photos: Sequence[PhotoFinding], suspicious: str = "") -> ClusterFinding:
    """Return a cluster of photographs."""
    return ClusterFinding(
        photos=tuple(each.name for each in photos),
        accuracy=sum(each.right for each in photos) / len(photos),
        mean_map=photos[0].heatmap,
        suspicious=suspicious,
        confused_with=next((each.predicted for each in photos if not each.right), None),
        blur_drop=mean(0.3) if suspicious else None,
    )


def report_of(
    classes: Sequence[str], *, photos_each: int = 12, clusters: bool = True, **settings: object
) -> AuditReport:
    """Return an invented report; photographs are called CLASS/NUMBER.jpg, and every fourth is wrong."""
    random = np.random.default_rng(0)
    photos: list[PhotoFinding] = []
    found = []
    for number, name in enumerate(classes):
        other = classes[(number + 1) % len(classes)]
        own = []
        for each in range(photos_each):
            wrong = each % 4 == 3 and other != name
            heat = spot(6, 6) if each % 3 == 0 else spot(random.uniform(1, 5), random.uniform(1, 5), 1.3)
            finding = photo(
                f"{name}/{each}.jpg", heat, truth=name, predicted=other if wrong else None, probability=0.8
            )
            own.append(
                replace(
                    finding,
                    rival_heatmap=spot(1, 1) if wrong else None,
                    background_need=float(random.uniform(0, 0.9)),
                    inside=0.3,
                    lift=1.6,
                )
            )
        verdict, sentence = VERDICTS[number % len(VERDICTS)]
        odd = "heat in the same place of the frame: bottom right, at the border"
        found.append(
            ClassFinding(
                name=name,
                count=photos_each,
                accuracy=sum(each.right for each in own) / photos_each,
                verdict=verdict,
                sentence=f"{name}: {sentence}",
                background_need=mean(0.7 - 0.15 * (number % 4)),
                exchange_need=mean(0.1 + 0.2 * (number % 4)),
                thing_need=mean(0.05 + 0.2 * (number % 4)),
                neutral_need=mean(0.2),
                share=mean(0.5),
                lift=mean(1.4),
                pointing=mean(0.6),
                clusters=(cluster(own[::3], odd), cluster(own)) if clusters else (),
            )
        )
        photos += own
    return AuditReport(model="mine.keras", classes=tuple(found), photos=tuple(photos), settings=settings)


def with_comparison(report: AuditReport, model: str = "before.keras") -> AuditReport:
    """Return a report with an invented comparison: of the other model, needs of backgrounds are those of things."""
    own = tuple(
        replace(each, exchange_need=each.background_need and 0.9 - each.background_need)
        for each in report.photos
    )
    beside = tuple(
        replace(each, background_need=each.exchange_need, exchange_need=each.background_need)
        if number % 5
        else each
        for number, each in enumerate(own)
    )
    first, other = replace(report, photos=own), replace(report, photos=beside, model=model)
    return replace(first, comparison=compared(first, other))
