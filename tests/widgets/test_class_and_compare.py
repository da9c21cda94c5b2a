"""Gates by class and two sets of gates compared: their numbers against numpy, and what they refuse."""

import numpy as np
import pytest
import torch
import torchvision

import effv2viz as ev
from effv2viz.widgets import ClassGates, CompareGates
from effv2viz.widgets.packing import unpack_matrix


@pytest.fixture(scope="module")
def model():
    return ev.create_model("efficientnetv2_nano", weights="fashion")


@pytest.fixture(scope="module")
def counted(model):
    """Gates of 40 pictures of ten classes, by hand and as statistics."""
    sample = ev.fashion_sample().balanced(4)
    images, labels = ev.load_images(list(sample.images), model), torch.as_tensor(sample.labels)
    return ev.trace(model, images), labels, ev.collect_gates(model, [(images, labels)])


def sent(view):
    front = view._front
    return unpack_matrix({"rows": front.rows, "columns": front.columns, "data": front.data})


def test_class_gates_are_means_spreads_and_shares_of_variance(counted):
    trace, labels, statistics = counted
    view = ev.class_gates(statistics, classes=list("abcdefghij"))
    view.site, view.group = "stage5.1", "d"
    gates, labels = trace["stage5.1"].gate.double().numpy(), labels.numpy()
    rows = sent(view)
    for k, name in enumerate("abcdefghij"):
        np.testing.assert_allclose(rows[name]["gate"], gates[labels == k].mean(0), atol=1e-6)
        np.testing.assert_allclose(rows[name]["spread"], gates[labels == k].std(0), atol=1e-6)
    means = np.stack([gates[labels == k].mean(0) for k in range(10)])
    share = ((means - gates.mean(0)) ** 2).mean(0) / gates.var(0)
    table = view.table()
    assert [row["channel"] for row in table] == np.argsort(-share, kind="stable").tolist()
    assert table[0]["separability"] == pytest.approx(share.max(), abs=1e-6)
    assert view._front.prediction["rows"][4]["value"] == pytest.approx(
        ((means - gates.mean(0)) ** 2).mean(0).sum() / gates.var(0).sum(), abs=1e-6
    )
    twin = ClassGates.from_state(view.state(), statistics, classes=list("abcdefghij"))
    assert (twin.state(), repr(twin)) == (view.state(), "ClassGates(site 'stage5.1', 10 classes, 40 images)")


def test_a_new_site_brings_its_own_channels(model):
    view = ev.class_gates(model)
    view._front.set_state({"row": "bag", "channel": 100})
    assert (view.group, view.channel) == ("bag", 100)
    view._site.value = "stage6.1"
    assert view._front.channel == view.channel == view.table()[0]["channel"]
    assert sent(view)["bag"]["gate"].shape == (432,)


def test_pictures_classes_and_networks_are_compared_on_one_scale(model, counted):
    trace, labels, statistics = counted
    pictures = ev.load_images(list(ev.fashion_sample().balanced(4).images), model)
    view = ev.compare_gates(model, pictures, labels=["p"] * 40)
    view.second, view.site = "7: p", "stage4.2"
    run = ev.trace(model, pictures, batch_size=32)["stage4.2"]
    apart = (run.gate[0] - run.gate[7]).numpy()
    assert [row["channel"] for row in view.table()] == np.argsort(-np.abs(apart), kind="stable").tolist()
    assert view.table()[0]["difference"] == pytest.approx(apart[np.abs(apart).argmax()], abs=1e-5)
    assert view.by_site()["stage4.2"] == pytest.approx(np.abs(apart).mean(), abs=1e-5)
    assert CompareGates.from_state(view.state(), model, pictures, labels=["p"] * 40).table() == view.table()

    by_class = ev.compare_gates(statistics)
    assert by_class.by_site()["stage6.1"] == pytest.approx(
        float((trace["stage6.1"].gate[labels == 0].mean(0) - trace["stage6.1"].gate[labels == 1].mean(0)).abs().mean()),
        abs=1e-5,
    )
    torch.manual_seed(0)
    untrained = ev.create_model("efficientnetv2_nano")
    networks = ev.compare_gates({"trained": model, "untrained": untrained}, pictures)
    expected = trace["stage6.1"].gate.mean(0) - ev.trace(untrained, pictures)["stage6.1"].gate.mean(0)
    assert networks.by_site()["stage6.1"] == pytest.approx(float(expected.abs().mean()), abs=1e-5)


def test_what_cannot_be_shown_is_said(model, counted, tmp_path):
    trace, _, statistics = counted
    with pytest.raises(ValueError, match="no gate statistics ship"):
        ev.class_gates(ev.create_model("efficientnetv2_nano"))
    with pytest.raises(ValueError, match="2 names of classes for 10 classes"):
        ev.class_gates(statistics, classes=["a", "b"])
    with pytest.raises(ValueError, match="only 0 to compare"):
        ev.compare_gates(model, torch.zeros(1, 3, 32, 32))
    other = torchvision.models.mobilenet_v3_small(weights=None).eval()
    with pytest.raises(ValueError, match=r"ours and theirs differ at stage4\.0"):
        ev.compare_gates({"ours": model, "theirs": other}, torch.zeros(2, 3, 64, 64))
    with pytest.raises(TypeError, match="x is int"):
        ev.compare_gates({"x": 3, "y": trace})
    for view in (ev.class_gates(statistics), ev.compare_gates(statistics)):
        for ending in (".png", ".html"):
            view.save(tmp_path / f"view{ending}")
            assert (tmp_path / f"view{ending}").stat().st_size > 1000
        assert {"text/plain", "image/png"} <= set(view._repr_mimebundle_())
