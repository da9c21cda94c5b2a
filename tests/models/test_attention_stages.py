"""SE in chosen stages, and networks of another depth."""

import pytest
import torch

import effv2viz as ev
from effv2viz.models import create_model
from tests.models.references import calibrate


def names(model):
    return [site.name for site in ev.find_se(model)]


def test_left_out_it_stands_where_it_was_published():
    model = create_model("efficientnetv2_pico", device="meta")
    assert names(model) == names(create_model("efficientnetv2_pico", device="meta", attention_stages=(3, 4)))
    assert {name.split(".")[0] for name in names(create_model("efficientnetv2_s", device="meta"))} == {
        "stage4",
        "stage5",
        "stage6",
    }


def test_fused_stages_can_have_it_and_its_width_follows_the_input():
    model = create_model("efficientnetv2_pico", attention_stages=(1, 2))
    sites = ev.find_se(model)
    assert [(s.name, s.channels, s.squeeze_channels) for s in sites] == [("stage1.0", 12, 3), ("stage2.0", 36, 3)]
    x = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        t = ev.trace(model, x)
        plain = model.stage2[0].fused(model.stage1[0](model.stem(x)))
        torch.testing.assert_close(t["stage2.0"].squeeze, plain.mean((2, 3)))
        with ev.intervene(model, ev.One()):
            on = model(x)
        off = create_model("efficientnetv2_pico", attention="none")
        off.load_state_dict({k: v for k, v in model.state_dict().items() if ".se." not in k})
        torch.testing.assert_close(on, off(x))
    assert sum(row.se_sites for row in model.summary().rows) == 2


def test_a_gate_of_a_fused_stage_is_replayed_exactly():
    """The expanded block goes through the rank-one shortcut; the first has no projection, so the network runs whole."""
    x = torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    for stages, site in (((2, 4), "stage2.0"), ((1, 4), "stage1.0")):
        model = create_model("efficientnetv2_pico", attention_stages=stages)
        calibrate(model, 48)
        found = ev.ablate_gates(model, x, 1, site=site, baseline=0.3)
        with torch.no_grad():
            own = model(x)[:, 1]
            for channel in (0, 5, 11):
                with ev.intervene(model, {site: ev.Constant(0.3, channels=[channel])}):
                    changed = model(x)[:, 1]
                torch.testing.assert_close(found[:, channel], own - changed, rtol=1e-3, atol=1e-4)


def test_twice_the_depth_is_twice_the_blocks():
    model = create_model("efficientnetv2_pico", depth=2, device="meta")
    assert [len(stage) for stage in model.stages] == [2, 2, 4, 4]


def test_what_makes_no_network_is_refused():
    with pytest.raises(ValueError, match="attention_stages has 5: the stages go from 1 to 4"):
        create_model("efficientnetv2_pico", attention_stages=(4, 5))
    with pytest.raises(ValueError, match="depth=0 gives no blocks"):
        create_model("efficientnetv2_pico", depth=0)
    with pytest.raises(ValueError, match="'cue' of efficientnetv2_pico need depth=1, not 2"):
        create_model("efficientnetv2_pico", weights="cue", depth=2)
    with pytest.raises(ValueError, match=r"need attention_stages=\(3, 4\), not \(4,\)"):
        create_model("efficientnetv2_pico", weights="cue", attention_stages=[4])
