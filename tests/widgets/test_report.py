"""Saved pages and the report: whole, self-contained, and on disk only when they are."""

import base64
import json
import re

import numpy as np
import pytest
from typer.testing import CliRunner

import effv2viz as ev
from effv2viz.cli import app
from effv2viz.widgets.packing import unpack_matrix


def content(path):
    return json.loads(re.search(r'id="content">(.*?)</script>', path.read_text("utf-8"), re.S)[1])


def test_a_report_holds_gates_attributions_and_classes(tmp_path):
    photos = list(ev.photo_paths().values())[:2]
    out = tmp_path / "report.html"
    done = CliRunner().invoke(app, ["report", *map(str, photos), "-o", str(out)])
    assert done.exit_code == 0, done.output
    assert "2 pictures" in done.output
    page = content(out)
    assert [model["module"] for model in page["models"]] == ["NetworkFrontEnd", *["GatesFrontEnd"] * 3]
    assert page["links"] == [[0, "site", 1, "row"], [0, "site", 2, "row"]]
    model = ev.create_model("efficientnetv2_nano", weights="fashion")
    images = ev.load_images(photos, model)
    state = page["models"][2]["state"]
    rows = unpack_matrix({**state, "data": base64.b64decode(state["data"]["base64"])})
    run, found = ev.trace(model, images), ev.attribute_gates(model, images, exact_top=30)
    for site in run:
        np.testing.assert_allclose(rows[site]["gate"], run[site].gate[1], atol=1e-5)
        np.testing.assert_allclose(rows[site]["attribution"], found[site][1], atol=1e-4)
    exact = np.concatenate([row["exact ablation"] for row in rows.values()])
    assert np.isfinite(exact).sum() == 30
    assert state["warning"].startswith("Out of domain")


def test_nothing_is_asked_of_another_machine_and_text_is_text(tmp_path):
    view = ev.explore(images=list(ev.fashion_sample().balanced(1).images[:2]), labels=["</script><b>x", "b"])
    view.save(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert not re.search(
        r"(src|href)\s*=|https?://(?!www\.w3\.org/2000/svg)|@import|url\(", text.replace("url(#${id}", "")
    )
    assert "</script><b>x" not in text
    assert not list(tmp_path.glob("*.part"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.png"], "there is no file no.png"),
        (["{photo}", "-m", "efficientnetv2_huge"], "efficientnetv2_huge"),
        (["{photo}", "-o", "report.pdf"], "end the name in .html"),
        (["{photo}", "-m", "torchvision.models:resnet18"], "no SE module"),
    ],
)
def test_what_goes_wrong_is_one_line(arguments, message):
    photo = str(next(iter(ev.photo_paths().values())))
    done = CliRunner().invoke(app, ["report", *(one.format(photo=photo) for one in arguments)])
    assert done.exit_code == 1
    assert message in done.output
    assert len(done.output.strip().splitlines()) == 1
