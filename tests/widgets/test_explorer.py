"""The gate explorer, driven as its controls and as Python drive it."""

import pytest
import torch

import effv2viz as ev


@pytest.fixture
def view():
    return ev.explore()


def test_its_numbers_are_the_traces(view):
    view.site, view.image, view.channel = "stage5.1", 5, 17
    model = ev.create_model("efficientnetv2_nano", weights="fashion")
    images = ev.load_images(list(ev.fashion_sample().balanced(1).images), model)
    t = ev.trace(model, images)
    for row in view.table():
        assert row["gate"] == pytest.approx(t["stage5.1"].gate[5, row["channel"]].item(), abs=1e-5)
    gates = [row["gate"] for row in view.table()]
    assert gates == sorted(gates, reverse=True)
    expected = t.logits[5].softmax(0)
    assert view.prediction(1)[0] == (
        model.classes[int(expected.argmax())],
        pytest.approx(float(expected.max()), abs=1e-4),
    )


def test_the_picture_follows_the_controls_and_the_channel_stays(view):
    view.channel = 17
    seen = [view._canvas.value]
    for control, value in ((view._order, "channel"), (view._image, 3), (view._position, 40)):
        control.value = value
        seen.append(view._canvas.value)
        assert view.channel == (40 if control is view._position else 17)
    assert len(set(seen)) == 4
    view._site.value = "stage4.0"
    assert repr(view) == "GateExplorer(image 3 of 10, site 'stage4.0', channel 0 of 128)"


def test_an_error_is_said_and_the_last_picture_stays(view):
    before = view._canvas.value

    def fail(*_):
        raise RuntimeError("out of luck")

    view._model.register_forward_hook(fail)
    view._image.value = 7
    assert view.message == "RuntimeError: out of luck"
    assert view._canvas.value == before


def test_it_shows_a_picture_where_no_widget_can_be_shown_and_saves_itself(view, tmp_path):
    assert {"text/plain", "image/png"} <= set(view._repr_mimebundle_())
    for ending in (".png", ".svg", ".pdf"):
        view.save(tmp_path / f"view{ending}")
        assert (tmp_path / f"view{ending}").stat().st_size > 1000
    with pytest.raises(ValueError, match=r"'view\.bmp'"):
        view.save(tmp_path / "view.bmp")


def test_a_photograph_is_said_to_be_out_of_domain():
    photos = ev.photo_paths()
    view = ev.explore(images=list(photos.values()), labels=list(photos))
    assert view.out_of_domain
    assert "Out of domain" in view._text.value


def test_nonsense_is_refused(view):
    for name, value in (("image", 10), ("site", "stage9"), ("channel", 999), ("order", "size")):
        with pytest.raises(ValueError, match=str(value)):
            setattr(view, name, value)
    with pytest.raises(ValueError, match="2 labels for 1 images"):
        ev.explore(images=torch.zeros(1, 3, 32, 32), labels=["a", "b"])
