"""The study's figures draw the numbers they are given."""

import numpy as np
import pytest

from effv2viz.figures import learning_figure, seeds_figure


def test_every_seed_is_a_dot_and_the_interval_a_bar():
    figure = seeds_figure({"se": [99, 98, 97], "none": [60, 62]}, label="%", intervals={"se": (96, 99.5)})
    lines = figure.axes[0].get_lines()
    drawn = [tuple(map(float, line.get_xdata())) for line in lines]
    assert drawn == [(96, 99.5), (99, 98, 97), (98,), (60, 62), (61,)]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["se", "none"]


def test_a_curve_is_the_mean_of_its_runs():
    figure = learning_figure({"se": (np.array([1, 2]), np.array([[10, 20], [30, 60]]))}, label="%")
    (line,) = figure.axes[0].get_lines()
    assert line.get_ydata().tolist() == [20, 40]
    with pytest.raises(ValueError, match="6 curves"):
        learning_figure({str(i): (np.arange(2), np.zeros((1, 2))) for i in range(6)}, label="%")
