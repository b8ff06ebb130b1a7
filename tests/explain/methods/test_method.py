"""Every method of the contract is there, with its paper, and a wrong name is answered with the nearest."""

from __future__ import annotations

import pytest

import live_gradcam as lg
from live_gradcam.explain.methods.method import METHODS, method_named


def test_every_method_of_the_contract_has_one_entry() -> None:
    assert (
        *("gradcam", "gradcam++", "hirescam", "elementwise", "xgradcam", "layercam", "eigengradcam"),
        *("finercam", "shapley-cam", "cam", "eigencam", "kpcacam", "fem"),
        *("scorecam", "ablationcam", "smoothgradcam++", "reciprocam", "legrad"),
        *("saliency", "smoothgrad", "integrated-gradients", "attnlrp", "guided-backprop", "guided-gradcam"),
    ) == METHODS
    assert len({method_named(name).function for name in METHODS}) == len(METHODS)


@pytest.mark.parametrize("name", METHODS)
def test_an_entry_says_what_it_is_where_it_comes_from_and_what_it_costs(name: str) -> None:
    method = method_named(name)
    assert method.name == name
    assert any(year in method.paper for year in map(str, range(2013, 2026)))
    assert "forward" in method.passes
    assert "Args:" in (method.function.__doc__ or "")
    if method.family in ("activation", "pixel"):
        assert not method.rectified


def test_the_methods_whose_papers_end_in_a_relu_are_rectified() -> None:
    assert {name for name in METHODS if method_named(name).rectified} == {
        *("gradcam", "gradcam++", "xgradcam", "layercam", "finercam", "shapley-cam"),
        *("scorecam", "ablationcam", "smoothgradcam++"),
    }


def test_the_flags_tell_what_each_method_needs() -> None:
    def those(flag: str) -> set[str]:
        return {name for name in METHODS if getattr(method_named(name), flag)}

    assert those("together") == {"gradcam", "gradcam++", "hirescam", "layercam"}
    assert those("together") <= those("one_pass"), "side by side they share one pass"
    assert those("slow") == {
        "scorecam",
        "ablationcam",
        "smoothgradcam++",
        "smoothgrad",
        "integrated-gradients",
    }
    assert those("averages") == {"gradcam", "finercam"}
    assert those("curved") == {"shapley-cam"}
    assert those("by_probability") == {"reciprocam"}
    assert those("needs_attention") == {"legrad"}
    assert those("contrasts") == {"finercam"}
    assert those("needs_pooling") == {"cam"}
    assert those("bounded_by_length") == {"eigengradcam", "eigencam", "kpcacam", "fem"}


def test_letter_case_does_not_count() -> None:
    assert method_named("Grad-CAM++".replace("-", "")).name == "gradcam++"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(lg.LiveGradcamError, match=r"unknown method 'grad-cam'. Did you mean gradcam"):
        method_named("grad-cam")
    with pytest.raises(
        lg.LiveGradcamError, match=r"unknown method 'integrated'. Did you mean integrated-gradients\?"
    ):
        method_named("integrated")
