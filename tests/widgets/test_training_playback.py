"""Training playback from Python: what it shows is what was recorded."""

import pytest
import torch

import effv2viz as ev
from effv2viz.training.playback import Playback, load_playback
from effv2viz.widgets import TrainingPlayback


def test_it_shows_what_was_recorded():
    run, view = load_playback("cue"), ev.training_playback(beside="cue_none")
    view.record, view.image, view.site, view.order = 5, 7, "stage3.1", "change so far"
    assert view.step == int(run.steps[5])
    gates = run.gates["stage3.1"][:, 7].float()
    change = (gates[5] - gates[0]).abs()
    assert view._ranking()[0] == int(change.argmax())
    view.channel = 11
    assert [row["gate"] for row in view.table()] == pytest.approx(gates[:, 11].tolist())
    assert [row["accuracy"] for row in view.table()] == pytest.approx(run.accuracy.tolist())
    assert f"{float(gates[5, 11]):.3f}" in view.message
    assert f"accuracy {float(load_playback('cue_none').accuracy[5]):.3g}" not in view.message
    assert "cue_none" in view._drawn["accuracy"].value
    other = TrainingPlayback.from_state(view.state(), beside="cue_none")
    assert (other.state(), other.table()) == (view.state(), view.table())


def test_what_it_refuses():
    with pytest.raises(ValueError, match="no gates were recorded in cue_none"):
        ev.training_playback("cue_none")
    with pytest.raises(ValueError, match="fashion"):
        ev.training_playback("fashion")
    short = Playback(torch.zeros(2, 4, 4, 3, dtype=torch.uint8), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ValueError, match="same steps"):
        ev.training_playback(beside=short)
    view = ev.training_playback()
    with pytest.raises(ValueError, match="no record 99"):
        view.record = 99
    assert view.record == len(load_playback("cue").steps) - 1
