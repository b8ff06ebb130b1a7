"""Twenty planted shortcuts: heads on the default network's features, and small networks, with and without one."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from drawn import accuracy_of, drawings, trained, write_network
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
from live_gradcam.models.model import Model

pytestmark = pytest.mark.audits

SEEDS = range(20)
FEW = 8


@dataclass(frozen=True)
class Audited:
    """What the audit found for one seed."""

    seed: int
    shortcut_follows: float
    """The share of photographs with exchanged backgrounds that the shortcut's model names after the background."""

    shuffled_right: float
    """The share of the same photographs that the other model recognises."""

    shortcut: tuple[ClassFinding, ...]
    shuffled: tuple[ClassFinding, ...]
    few: tuple[ClassFinding, ...]
    """The shortcut's classes, by eight of their photographs each."""


Models = tuple[Path, Path, dict[str, Path], dict[str, float]]
"""Folders of photographs and masks, the two models, and their accuracies on photographs with exchanged backgrounds."""


@pytest.fixture(scope="module", params=["heads", "networks"])
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[Audited]:
    found = []
    for seed in SEEDS:
        folder = tmp_path_factory.mktemp(f"seed{seed}")
        photos, masks, models, right = {"heads": _heads, "networks": _networks}[request.param](seed, folder)
        reports = {name: lg.audit(file, photos, masks=masks) for name, file in models.items()}
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


def _heads(seed: int, folder: Path) -> Models:
    """Linear heads on the default network's features, and cut-out things."""
    model = _default_network()
    extractor = extractor_for(model)
    swapped = photographs(seed, SWAPPED, 0.0, take=4)
    swapped_features = features_of(extractor, swapped)
    models, right = {}, {}
    for name, correlation, take in (("shortcut", CORRELATION, 1), ("shuffled", 0.5, 2)):
        taught = photographs(seed, TAUGHT, correlation, take=take)
        head = fitted(features_of(extractor, taught), classes_of(taught))
        right[name] = accuracy(head, swapped_features, classes_of(swapped))
        models[name] = write_model(model, head, folder / f"{name}.keras")
    return *write_photographs(photographs(seed, AUDITED, CORRELATION, take=3), folder), models, right


def _networks(seed: int, folder: Path) -> Models:
    """Small networks that are trained from nothing, and drawn things."""
    swapped = drawings(seed, SWAPPED, 0.0, take=4)
    models, right = {}, {}
    for name, correlation, take, enough in (("shortcut", CORRELATION, 1, 0.9), ("shuffled", 0.5, 2, 0.95)):
        network = trained(seed, correlation, take=take, enough=enough)
        right[name] = accuracy_of(network, swapped)
        models[name] = write_network(network, folder / f"{name}.keras")
    return *write_photographs(drawings(seed, AUDITED, CORRELATION, take=3), folder), models, right


@cache
def _default_network() -> Model:
    return load_model("efficientnet-lite0")


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
    """Measured without the audit: on exchanged backgrounds one model follows the background, the other the thing."""
    assert min(each.shortcut_follows for each in found) > 0.5
    assert min(each.shuffled_right for each in found) >= 0.8


def test_the_verdict_on_every_shortcut_is_background(found: list[Audited]) -> None:
    others = [each.seed for each in found if _verdicts(each.shortcut) != ["background"] * 2]
    assert others == []


def test_the_verdict_on_models_with_shuffled_backgrounds_is_thing(found: list[Audited]) -> None:
    """Of the small networks nine classes in ten: some lose probability if a thing is only cut out and put back.

    How many depends on the processor, whose rounding makes other networks of the same seeds: 40 of 40 on one, 36 on
    another.
    """
    verdicts = [verdict for each in found for verdict in _verdicts(each.shuffled)]
    assert "background" not in verdicts
    assert verdicts.count("thing") >= 0.9 * len(verdicts)


def test_eight_photographs_of_each_class_cannot_tell(found: list[Audited]) -> None:
    others = [each.seed for each in found if _verdicts(each.few) != ["cannot tell"] * 2]
    assert others == []
