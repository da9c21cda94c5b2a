"""Student's intervals against scipy, and against seeds that were drawn."""

import numpy as np
import pytest
from scipy import stats

from effv2viz.training.intervals import mean_interval, paired_interval, prediction_interval, student_quantile


@pytest.mark.parametrize("degrees", [1, 2, 4, 9, 30])
def test_the_quantiles_are_scipys(degrees):
    for share in (0.9, 0.975, 0.995):
        assert student_quantile(share, degrees) == pytest.approx(stats.t.ppf(share, degrees), rel=1e-5)


def test_the_interval_of_a_mean_is_scipys():
    values = [0.931, 0.942, 0.925, 0.951, 0.938]
    low, high = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    found = mean_interval(values)
    assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6)
    shifted = {str(seed): value + 0.1 for seed, value in enumerate(values)}
    paired = paired_interval(shifted, {str(seed): value for seed, value in enumerate(values)} | {"9": 0.0})
    assert (paired.low, paired.high, paired.count) == pytest.approx((0.1, 0.1, 5))


def test_a_prediction_interval_holds_95_of_100_new_values():
    generator = np.random.default_rng(0)
    samples = generator.normal(3, 2, (4000, 6))
    hits = [row[5] in prediction_interval(row[:5]) for row in samples]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.015)


def test_one_value_has_no_interval():
    with pytest.raises(ValueError, match="1 values have no spread"):
        mean_interval([0.9])
