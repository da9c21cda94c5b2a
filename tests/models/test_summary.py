"""The stage table against torch's own counter and the published numbers."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from effv2viz.models import create_model


@pytest.mark.parametrize(("name", "attention"), [("efficientnetv2_nano", "se"), ("efficientnetv2_b0", "senet")])
def test_multiply_adds_are_half_of_what_torch_counts(name, attention):
    model = create_model(name, attention=attention)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.zeros(1, 3, 64, 64))
    summary = model.summary(64)
    assert summary.macs == counter.get_total_flops() // 2
    assert summary.params == sum(p.numel() for p in model.parameters())


def test_s_costs_what_was_published_and_se_next_to_nothing():
    summary = create_model("efficientnetv2_s", device="meta").summary()
    assert summary.macs / 1e9 == pytest.approx(8.366, abs=5e-4)  # torchvision's weights metadata
    assert summary.se_params == 3_700_088
    assert summary.se_macs / summary.macs == pytest.approx(0.0004, abs=5e-5)
    stage4 = summary.table()[4]
    assert (stage4["block"], stage4["channels"], stage4["output"]) == ("MBConv4 3x3", "64 -> 128", "128, 24, 24")
    assert (stage4["se_sites"], stage4["squeeze"]) == (6, "16 / 32")


def test_text_and_html_show_the_same_cells_and_the_network_is_left_as_it_was():
    model = create_model("efficientnetv2_nano").train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    summary = model.summary()
    assert model.training
    assert not any(m._forward_hooks for m in model.modules())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    for row in summary.table():
        for text in (f"{row['params']:,}", row["output"]):
            assert text in str(summary)
            assert text in summary._repr_html_()
    assert str(summary).count("no SE") == 3


def test_a_size_below_one_is_refused():
    with pytest.raises(ValueError, match="size=0"):
        create_model("efficientnetv2_nano").summary(0)
