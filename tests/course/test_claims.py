"""Claims: each is probed on two networks, and each has a cell in a lesson that shows it."""

from pathlib import Path

import nbformat
import pytest
import torch

import effv2viz as ev
from effv2viz import course

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
IDS = ["1a", "1b", "1c", "1d", "1e", "2a", "2b", "2c", "2d", "3a", "3b", "3c", "3d"]


@pytest.fixture(scope="module", params=["nano", "s"])
def network(request):
    if request.param == "nano":
        return ev.create_model("efficientnetv2_nano", weights="fashion")
    torch.manual_seed(0)
    return ev.create_model("efficientnetv2_s")


def test_no_claim_of_the_text_is_left_out():
    assert [claim.id for claim in course.CLAIMS] == IDS


@pytest.mark.parametrize("claim", course.CLAIMS, ids=lambda claim: claim.id)
def test_the_probe_gives_the_verdict(claim, network):
    evidence = claim.probe(network)
    assert evidence.verdict is claim.verdict, evidence
    assert evidence.numbers
    assert all(torch.isfinite(torch.tensor(float(number))) for number in evidence.numbers.values())
    assert evidence.sentence.endswith(".")


def test_a_probe_can_find_the_opposite():
    """Networks of which the claims are true, so that no verdict is a constant."""
    bare = ev.create_model("efficientnetv2_pico", attention="se_relu")
    assert course.find_claim("2b").probe(bare).verdict is course.Verdict.RIGHT
    bare = ev.create_model("efficientnetv2_pico", attention="se_nobias", se_ratio=1.0)
    evidence = course.find_claim("2c").probe(bare)
    assert evidence.verdict is course.Verdict.RIGHT, evidence
    everywhere = ev.create_model("efficientnetv2_pico")
    for number in (1, 2):
        delattr(everywhere, f"stage{number}")
        everywhere.add_module(f"stage{number}", torch.nn.Sequential())
    assert course.find_claim("1c").probe(everywhere).verdict is course.Verdict.RIGHT
    with torch.no_grad():
        broken = ev.create_model("efficientnetv2_nano", weights="fashion")
        for site in ev.find_se(broken):
            broken.get_submodule(site.path).squeeze = ev.models.se_relatives.GlobalMax()
    assert course.find_claim("2a").probe(broken).verdict is course.Verdict.WRONG
    assert course.find_claim("1a").probe(broken).verdict is course.Verdict.WRONG


def test_a_network_without_se_is_refused():
    with pytest.raises(ValueError, match="about attention='se'"):
        course.find_claim("2b").probe(ev.create_model("efficientnetv2_pico", attention="eca"))
    with pytest.raises(ValueError, match="unknown claim '4a'"):
        course.find_claim("4a")


def cells_with(tag):
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if tag in cell.metadata.get("tags", []):
                yield path.stem, cell


@pytest.mark.parametrize("claim", course.CLAIMS, ids=lambda claim: claim.id)
def test_a_lesson_shows_it(claim):
    shown = dict(cells_with(claim.tag))
    assert claim.lesson in shown, f"no cell of {claim.lesson} has the tag {claim.tag}"
    assert shown[claim.lesson].cell_type == "code"
    assert shown[claim.lesson].outputs
