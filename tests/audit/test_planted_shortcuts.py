"""Twenty planted shortcuts: linear heads on the default network's features, with and without one."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from lessons import extractor_for
from planted import (
    AUDITED,
    CORRELATION,
    SWAPPED,
    TAUGHT,
    accuracy,
    classes_of,
    features_of,
    fitted,
    photographs,
    write_model,
    write_photographs,
)

import live_gradcam as lg
from live_gradcam.audit.findings import AuditReport, ClassFinding
from live_gradcam.audit.verdicts import class_finding
from live_gradcam.models.loading import load_model

pytestmark = pytest.mark.audits

SEEDS = range(20)
FEW = 8


@dataclass(frozen=True)
class Audited:
    """What the audit found for one seed."""

    seed: int
    shortcut_follows: float
    """The share of photographs with exchanged backgrounds that the shortcut's head names after the background."""

    shuffled_right: float
    """The share of the same photographs that the other head recognises."""

    shortcut: tuple[ClassFinding, ...]
    shuffled: tuple[ClassFinding, ...]
    few: tuple[ClassFinding, ...]
    """The shortcut's classes, by eight of their photographs each."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Audited]:
    model = load_model("efficientnet-lite0")
    extractor = extractor_for(model)
    found = []
    for seed in SEEDS:
        folder = tmp_path_factory.mktemp(f"seed{seed}")
        audited = photographs(seed, AUDITED, CORRELATION, take=3)
        swapped = photographs(seed, SWAPPED, 0.0, take=4)
        swapped_features = features_of(extractor, swapped)
        photos, masks = write_photographs(audited, folder / "all")
        right, reports = {}, {}
        for name, correlation, take in (("shortcut", CORRELATION, 1), ("shuffled", 0.5, 2)):
            taught = photographs(seed, TAUGHT, correlation, take=take)
            head = fitted(features_of(extractor, taught), classes_of(taught))
            right[name] = accuracy(head, swapped_features, classes_of(swapped))
            file = write_model(model, head, folder / f"{name}.keras")
            reports[name] = lg.audit(file, photos, masks=masks)
        each = Audited(
            seed=seed,
            shortcut_follows=1 - right["shortcut"],
            shuffled_right=right["shuffled"],
            shortcut=reports["shortcut"].classes,
            shuffled=reports["shuffled"].classes,
            few=_with_few(reports["shortcut"]),
        )
        found.append(each)
        print(  # noqa: T201 - the figures are the purpose of this group
            f"{seed:2}  follows {each.shortcut_follows:.2f}  right {each.shuffled_right:.2f}  "
            f"shortcut {_row(each.shortcut)}  shuffled {_row(each.shuffled)}",
            flush=True,
        )
    return found


def _with_few(report: AuditReport) -> tuple[ClassFinding, ...]:
    own = {name: [each for each in report.photos if each.truth == name][:FEW] for name in report.names}
    return tuple(class_finding(name, photos) for name, photos in own.items())


def _row(classes: tuple[ClassFinding, ...]) -> str:
    texts = []
    for each in classes:
        needs = (each.background_need, each.exchange_need, each.thing_need, each.neutral_need)
        numbers = " ".join("–" if need is None else f"{need.mean:.2f}" for need in needs)
        share = "–" if each.share is None else f"{each.share.low:.2f}–{each.share.high:.2f}"
        texts.append(f"{each.verdict} [{share}; {numbers}]")
    return ", ".join(texts)


def _verdicts(classes: tuple[ClassFinding, ...]) -> list[str]:
    return [each.verdict for each in classes]


def test_the_shortcuts_are_planted(found: list[Audited]) -> None:
    """Measured without the audit: on exchanged backgrounds one head follows the background, the other the thing."""
    assert min(each.shortcut_follows for each in found) > 0.5
    assert min(each.shuffled_right for each in found) >= 0.8


def test_the_verdict_on_every_shortcut_is_background(found: list[Audited]) -> None:
    others = [each.seed for each in found if _verdicts(each.shortcut) != ["background"] * 2]
    assert others == []


def test_the_verdict_on_every_model_with_shuffled_backgrounds_is_thing(found: list[Audited]) -> None:
    others = [each.seed for each in found if _verdicts(each.shuffled) != ["thing"] * 2]
    assert others == []


def test_eight_photographs_of_each_class_cannot_tell(found: list[Audited]) -> None:
    others = [each.seed for each in found if _verdicts(each.few) != ["cannot tell"] * 2]
    assert others == []
