"""The gate explorer, driven as its controls and as Python drive it."""

import io
import re
import threading
import time

import numpy as np
import pytest
import torch
import traitlets
from PIL import Image

import effv2viz as ev
from effv2viz.widgets import GateExplorer
from effv2viz.widgets.packing import unpack_matrix


@pytest.fixture
def view():
    return ev.explore()


def touch(view, **traits):
    """What the page does when it is touched."""
    view._front.set_state(traits)


def test_its_numbers_are_the_traces(view):
    view.site, view.image, view.channel = "stage5.1", 5, 17
    model = ev.create_model("efficientnetv2_nano", weights="fashion")
    images = ev.load_images(list(ev.fashion_sample().balanced(1).images), model)
    t = ev.trace(model, images, features=True)
    for row in view.table():
        assert row["gate"] == pytest.approx(t["stage5.1"].gate[5, row["channel"]].item(), abs=1e-5)
    gates = [row["gate"] for row in view.table()]
    assert gates == sorted(gates, reverse=True)
    expected = t.logits[5].softmax(0)
    assert view.prediction(1)[0] == (
        model.classes[int(expected.argmax())],
        pytest.approx(float(expected.max()), abs=1e-4),
    )
    front = view._front
    sent = unpack_matrix({"rows": front.rows, "columns": front.columns, "data": front.data})
    for name, site in t.items():
        np.testing.assert_allclose(sent[name]["gate"], site.gate[5], atol=1e-5)
    before = t["stage5.1"].features[5, 17].numpy()
    low, high = front.pictures[1]["low"], front.pictures[1]["high"]
    start = 32 * 32 * 3
    shown = np.frombuffer(front.pixels, np.uint8)[start : start + before.size].reshape(before.shape)
    np.testing.assert_allclose(shown / 255 * (high - low) + low, before, atol=(high - low) / 254)


def test_it_follows_the_page_and_the_channel_stays(view):
    view.channel = 17
    seen = [view._front.pixels]
    for change in ({"order": "channel"}, {"channel": 40}):
        touch(view, **change)
        assert view.channel == change.get("channel", 17)
        seen.append(view._front.pixels)
    view._picture.value = 3
    assert (view.image, view.channel) == (3, 40)
    assert len({*seen, view._front.pixels}) == 3
    touch(view, row="stage4.0")
    assert repr(view) == "GateExplorer(image 3 of 10, site 'stage4.0', channel 0 of 128)"
    touch(view, row="stage5.0", channel=9)
    assert (view.site, view.channel) == ("stage5.0", 9)


def test_a_state_opens_another_view_alike(view):
    view.image, view.site, view.order, view.mode = 5, "stage5.1", "difference", "strip"
    view.channel, view.selection = 17, [3, 17]
    twin = GateExplorer.from_state(view.state())
    assert twin.state() == view.state()
    assert twin._front.pixels == view._front.pixels
    for wrong, message in (
        ("site=stage9", "stage9"),
        ("colour=red", "colour"),
        ("", "is no state"),
        ("image=x", "'x'"),
    ):
        with pytest.raises(ValueError, match=message):
            GateExplorer.from_state(wrong)


def test_linked_views_follow_each_other(view):
    other = ev.explore()
    traitlets.link((view, "site"), (other, "site"))
    touch(view, row="stage4.1")
    assert other._front.row == "stage4.1"
    other.site = "stage5.2"
    assert view._front.row == "stage5.2"
    assert view.channel < 336


def test_a_choice_is_not_lost_while_another_is_answered(view):
    """JupyterLab delivers the messages of different controls on different threads."""
    started, model = threading.Event(), view._experiment.model

    def slow(*_):
        started.set()
        time.sleep(0.3)

    handle = model.register_forward_pre_hook(slow)
    first = threading.Thread(target=touch, args=(view,), kwargs={"row": "stage4.0", "channel": 9})
    first.start()
    started.wait()
    view._picture.set_state({"index": 3})
    first.join()
    handle.remove()
    assert (view.image, view._picture.value, view.site, view.channel) == (3, 3, "stage4.0", 9)
    assert view._front.error == ""


def test_own_columns_sort_and_are_said():
    model = ev.create_model("efficientnetv2_nano", weights="fashion")
    sites = {site.name: site.channels for site in ev.find_se(model)}
    view = ev.explore(model, columns={"size": {name: torch.arange(width).float() for name, width in sites.items()}})
    view.order = "size"
    assert [row["channel"] for row in view.table()] == list(range(431, -1, -1))
    assert view.table()[0]["size"] == 431
    with pytest.raises(ValueError, match=r"'size' has shape \(3,\) at stage4\.0"):
        ev.explore(model, columns={"size": {name: torch.zeros(3) for name in sites}})


def test_an_error_is_said_and_the_last_picture_stays(view):
    before = view._front.pixels

    def fail(*_):
        raise RuntimeError("out of luck")

    broken = view._experiment.model.register_forward_hook(fail)
    view._picture.value = 7
    assert view.message == view._front.error == "RuntimeError: out of luck"
    assert (view.image, view._picture.value, view._front.pixels) == (0, 0, before)
    touch(view, row="nowhere")
    assert "nowhere" in view._front.error
    assert view._front.row == "stage6.1"
    broken.remove()
    view._picture.value = 7
    assert (view.image, view._front.error) == (7, "")


def _png(size=(40, 30), form="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (*size[::-1], 3), np.uint8)).save(buffer, form)
    return buffer.getvalue()


def upload(view, name, content):
    """What the page does when a file is chosen."""
    header = {"name": name, "size": len(content)}
    parts = [content[k : k + 50_000] for k in range(0, max(1, len(content)), 50_000)]
    if len(content) > view._upload.most:
        view._upload._handle_custom_msg({**header, "part": 0, "parts": 0}, [])
        return
    for k, part in enumerate(parts):
        view._upload._handle_custom_msg({**header, "part": k, "parts": len(parts)}, [memoryview(part)])


def test_an_own_picture(view):
    upload(view, "mine.png", _png())
    assert repr(view) == "GateExplorer(image 10 of 11, site 'stage6.1', channel 266 of 432)"
    assert view._picture.options[-1] == ("10: mine.png", 10)
    assert view._front.error == ""


def test_a_file_whose_parts_were_lost_leaves_the_next_alone(view):
    content = _png((200, 200))
    header = {"name": "lost.png", "size": len(content), "parts": 3}
    for part in (0, 2):
        view._upload._handle_custom_msg({**header, "part": part}, [memoryview(content[part * 9 :][:9])])
    upload(view, "mine.png", content)
    assert (view.image, view._front.error) == (10, "")


def test_each_bad_upload_is_told_apart(view):
    said = set()
    huge = bytes.fromhex("424d") + b"\0" * 12 + bytes.fromhex("28000000 60ea0000 60ea0000 0100 1800") + b"\0" * 24
    for name, content in (
        ("empty.png", b""),
        ("text.png", b"hello"),
        ("cut.jpg", _png((200, 200), "JPEG")[:3000]),
        ("huge.bmp", huge),
        ("long.png", b"\0" * 20_000_001),
    ):
        upload(view, name, content)
        assert name in view._front.error
        said.add(re.sub(r"[\d.]+|" + re.escape(name), "", view._front.error))
        assert view.image == 0
    assert len(said) == 5


def test_it_shows_a_picture_where_no_widget_can_be_shown_and_saves_itself(view, tmp_path):
    assert {"text/plain", "image/png"} <= set(view._repr_mimebundle_())
    for ending in (".png", ".svg", ".pdf", ".html"):
        view.save(tmp_path / f"view{ending}")
        assert (tmp_path / f"view{ending}").stat().st_size > 1000
    with pytest.raises(ValueError, match=r"'view\.bmp'"):
        view.save(tmp_path / "view.bmp")


def test_a_photograph_is_said_to_be_out_of_domain():
    photos = ev.photo_paths()
    view = ev.explore(images=list(photos.values()), labels=list(photos))
    assert view.out_of_domain
    assert "Out of domain" in view._front.warning


def test_nonsense_is_refused(view):
    for name, value in (("image", 10), ("site", "stage9"), ("channel", 999), ("order", "size"), ("mode", "pie")):
        with pytest.raises(ValueError, match=str(value)):
            setattr(view, name, value)
    with pytest.raises(ValueError, match="2 labels for 1 images"):
        ev.explore(images=torch.zeros(1, 3, 32, 32), labels=["a", "b"])
