"""Pictures of maps: signs, one scale, and maps of zeros and NaN."""

import numpy as np
import pytest

from effv2viz.figures.attribution import MISSING, attribution_figure, signed_colours, symmetric_limit
from effv2viz.figures.rendering import to_png


def test_colours_tell_sign_and_size_on_the_given_scale():
    values = np.array([[-2.0, -1.0, 0.0], [1.0, 2.0, np.nan]])
    colours = signed_colours(values, limit=2.0)
    grey = tuple(int(MISSING[i : i + 2], 16) / 255 for i in (1, 3, 5))
    assert np.allclose(colours[0, 2], 1, atol=0.01)
    assert np.allclose(colours[1, 2], grey)
    red, blue = colours[..., 0], colours[..., 2]
    assert blue[0, 1] > red[0, 1]
    assert red[1, 0] > blue[1, 0]
    assert colours[0, 0].sum() < colours[0, 1].sum() < 3  # darker with size
    assert np.allclose(signed_colours(values / 2, limit=1.0), colours, equal_nan=True)


def test_over_a_picture_only_the_map_has_colour():
    picture = np.random.default_rng(0).random((2, 3, 3))
    colours = signed_colours(np.array([[0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]), 1.0, picture)
    assert np.ptp(colours[0, 0]) < 1e-9
    assert np.ptp(colours[0, 2]) > 0.2


def test_the_limit_is_shared_and_never_zero():
    assert symmetric_limit([np.zeros((2, 2))]) == 1.0
    assert symmetric_limit([np.full((2, 2), np.nan)]) == 1.0
    assert symmetric_limit([np.array([1.0, np.nan]), np.array([-3.0])]) == 3.0
    sparse = np.zeros(10_000)
    sparse[0] = -5
    assert symmetric_limit([sparse], 99) == 5.0
    with pytest.raises(ValueError, match="1 infinite"):
        symmetric_limit([np.array([np.inf])])


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("overlay", [True, False])
def test_the_figure_says_its_scale_and_what_grey_is(shared, overlay):
    generator = np.random.default_rng(0)
    maps = {"zeros": np.zeros((2, 8, 8)), "noise": generator.normal(size=(2, 8, 8)), "holes": np.ones((2, 8, 8))}
    maps["holes"][:, 2] = np.nan
    figure = attribution_figure(
        generator.random((2, 8, 8, 3)), maps, captions=["one", "two"], unit="logits", shared=shared, overlay=overlay
    )
    assert to_png(figure).startswith(b"\x89PNG")
    assert "dark grey: no number (NaN)" in figure.get_supxlabel()
    bars = figure.axes[-1:] if shared else figure.axes[-3:]
    if shared:
        together = np.concatenate([values.ravel() for values in maps.values()])
        reached = [np.nanpercentile(np.abs(together), 99.5)]
    else:
        reached = [1.0, np.percentile(np.abs(maps["noise"]), 99.5), 1.0]
    for bar, limit in zip(bars, reached, strict=True):
        assert np.allclose(bar.get_xlim(), (-limit, limit))


def test_shapes_that_do_not_agree_are_said(pictures):
    colours = np.zeros((2, 8, 8, 3))
    with pytest.raises(ValueError, match="'ig' have shape"):
        attribution_figure(colours, {"ig": np.zeros((2, 4, 4))})
    with pytest.raises(ValueError, match="no maps"):
        attribution_figure(colours, {})
    with pytest.raises(ValueError, match="3 captions for 2"):
        attribution_figure(colours, {"ig": np.zeros((2, 8, 8))}, captions="abc")
    with pytest.raises(ValueError, match="use \\(N, H, W, 3\\)"):
        attribution_figure(pictures.numpy(), {"ig": np.zeros((10, 32, 32))})
