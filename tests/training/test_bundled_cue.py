"""The bundled pico networks on pictures that nobody trained or tested on: with SE, gates carry the marker's word."""

import csv

import pytest
import torch

import effv2viz as ev
from effv2viz.bundled import bundled
from effv2viz.datasets import cue
from effv2viz.training.cue import TEST_SEED, prepare
from effv2viz.training.playback import load_playback

PICTURES = cue.generate(1024, 31_415)
TWINS = cue.flip_cue(PICTURES)
IMAGES, TWIN_IMAGES = (prepare(torch.from_numpy(p.images)) for p in (PICTURES, TWINS))
LABELS, TWIN_LABELS = (torch.from_numpy(p.labels) for p in (PICTURES, TWINS))


@pytest.fixture(scope="module")
def with_se():
    return ev.create_model("efficientnetv2_pico", weights="cue")


def share(answers, truth):
    return float((answers == truth).float().mean())


@torch.no_grad()
def answers(model, images=IMAGES):
    return model(images).argmax(1)


def test_with_se_nearly_all_are_right_and_without_far_fewer(with_se):
    assert share(answers(with_se), LABELS) >= 0.97
    without = ev.create_model("efficientnetv2_pico", weights="cue_none")
    assert ev.find_se(without) == []
    assert share(answers(without), LABELS) < 0.7


def test_the_gates_carry_the_decision(with_se):
    """With the gates of the twin, whose marker has the other colour, the answer becomes the twin's."""
    differ = LABELS != TWIN_LABELS
    twin = ev.trace(with_se, TWIN_IMAGES)
    with ev.intervene(with_se, {name: ev.Swap(twin) for name in twin}):
        swapped = answers(with_se)
    assert share(swapped[differ], TWIN_LABELS[differ]) > 0.6
    assert share(swapped[differ], LABELS[differ]) < 0.3


def test_with_mean_gates_it_is_no_better_than_blind_to_the_marker(with_se):
    """Who always answers with the shape is right in 62.5 % of pictures: all of one half, a quarter of the other."""
    with ev.intervene(with_se, ev.Mean()):
        assert share(answers(with_se), LABELS) < 0.75


@pytest.mark.parametrize("name", ["cue", "cue_none"])
def test_the_published_accuracy_is_the_logs(name):
    weights = ev.find_weights("efficientnetv2_pico", name)
    with open(bundled("data", "weights", f"efficientnetv2_pico.{name}.csv"), newline="") as file:
        last = list(csv.DictReader(file))[-1]
    assert weights.accuracy == pytest.approx(100 * float(last["test_accuracy_averaged"]), abs=0.01)


@pytest.mark.parametrize("name", ["cue", "cue_none"])
def test_the_bundled_playback_is_of_the_run_behind_the_weights(name):
    playback = load_playback(name)
    with open(bundled("data", "weights", f"efficientnetv2_pico.{name}.csv"), newline="") as file:
        log = list(csv.DictReader(file))
    assert playback.steps.tolist() == [int(row["step"]) for row in log]
    assert playback.accuracy.tolist() == pytest.approx([float(row["test_accuracy"]) for row in log])
    assert torch.equal(playback.images, torch.from_numpy(cue.generate(32, TEST_SEED).images))
    sites = ev.find_se(ev.create_model("efficientnetv2_pico", weights=name))
    assert {site: tuple(gates.shape) for site, gates in playback.gates.items()} == {
        site.name: (len(log), 32, site.channels) for site in sites
    }


def test_other_weights_have_no_playback():
    with pytest.raises(ValueError, match="unknown playback 'fashion'"):
        load_playback("fashion")
