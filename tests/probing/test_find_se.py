"""Sites are found whoever wrote the network, and what cannot be found is said."""

import pytest
import timm
import torch
import torchvision
from timm.layers import SplitAttn
from timm.layers.cbam import CbamModule
from torch import nn

import effv2viz as ev
from effv2viz.models.squeeze_excite import SqueezeExcite
from effv2viz.probing import Anatomy, Port
from effv2viz.probing.anatomy import _REGISTRY
from tests.probing.networks import WidelyCopied, around


@pytest.mark.parametrize(
    ("builder", "count"),
    [
        (torchvision.models.efficientnet_v2_s, 30),
        (torchvision.models.efficientnet_v2_m, 44),
        (torchvision.models.efficientnet_v2_l, 61),
        (torchvision.models.mobilenet_v3_large, 8),
        (torchvision.models.maxvit_t, 11),
        (torchvision.models.resnet18, 0),
    ],
)
def test_torchvisions_networks(builder, count):
    with torch.device("meta"):
        assert len(ev.find_se(builder())) == count


@pytest.mark.parametrize(
    ("name", "count", "kind", "gain"),
    [
        ("tf_efficientnetv2_s", 30, "se", 1),
        ("mobilenetv3_large_100", 8, "se", 1),
        ("legacy_seresnet50", 16, "se", 1),
        ("ese_vovnet39b", 4, "ese", 1),
        ("hgnet_tiny", 5, "ese", 1),
        ("ecaresnet50d", 16, "eca", 1),
        ("eca_nfnet_l0", 12, "eca", 2),
        ("gc_efficientnetv2_rw_t", 29, "gc", 1),
        ("gcresnet33ts", 0, "", 1),  # its GlobalContext adds: there is no gate
        ("skresnet18", 0, "", 1),  # softmax between branches: no gate
        ("resnest14d", 0, "", 1),
    ],
)
def test_timms_networks(name, count, kind, gain):
    with torch.device("meta"):
        sites = ev.find_se(timm.create_model(name))
    assert len(sites) == count
    assert {(site.kind, site.gain) for site in sites} <= {(kind, gain)}


def test_a_site_says_what_it_is():
    site = ev.find_se(torchvision.models.efficientnet_v2_s())[0]
    assert (site.name, site.channels, site.squeeze_channels, site.reduction, site.stage) == (
        "features.4.0.block.2", 256, 16, 16, 4,
    )  # fmt: skip
    site = ev.find_se(ev.create_model("efficientnetv2_s"))[-1]
    assert (site.name, site.path, site.stage, site.reduction) == ("stage6.14", "stage6.14.se", 6, 24)
    site = ev.find_se(timm.create_model("tf_efficientnetv2_b0"))[-1]
    assert (site.name, site.stage, site.channels) == ("blocks.5.7.se", 6, 1152)


def test_unknown_classes_are_recognised_by_their_parts():
    (site,) = ev.find_se(around(WidelyCopied(16)))
    assert (site.kind, site.channels, site.squeeze_channels, site.reduction) == ("se-like", 16, 4, 4)


def test_what_only_looks_like_se_is_not_taken_for_it():
    class Head(nn.Module):  # ends in a sigmoid, but gives 3 channels of 16
        def __init__(self):
            super().__init__()
            self.layer, self.gate = nn.Conv2d(16, 3, 1), nn.Sigmoid()

    class Branch(nn.Module):  # a 3x3 convolution gates each position
        def __init__(self):
            super().__init__()
            self.conv, self.gate = nn.Conv2d(16, 16, 3, padding=1), nn.Sigmoid()

    assert ev.find_se(around(Head(), Branch(), SplitAttn(16))) == []
    assert [site.kind for site in ev.find_se(around(CbamModule(16)))] == ["cbam"]  # its spatial gate is none


def test_users_describe_their_own_class(monkeypatch):
    class Mine(nn.Module):
        def __init__(self):
            super().__init__()
            self.into, self.bend, self.out = nn.Linear(16, 2), nn.Tanh(), nn.Linear(2, 16)
            self.open = nn.Sigmoid()

        def forward(self, x):
            return x * self.open(self.out(self.bend(self.into(x.mean((2, 3))))))[:, :, None, None]

    network = around(Mine())
    assert ev.find_se(network) == []
    monkeypatch.setattr("effv2viz.probing.anatomy._REGISTRY", dict(_REGISTRY))
    ev.register_se(Mine, Anatomy("mine", "open", Port("into", "input"), Port("bend"), "into", "out"))
    (site,) = ev.find_se(network)
    assert (site.kind, site.channels, site.squeeze_channels) == ("mine", 16, 2)
    assert ev.trace(network, torch.randn(2, 3, 8, 8))[site.name].gate.shape == (2, 16)
    with pytest.raises(TypeError, match="takes a class"):
        ev.register_se(Mine(), site.anatomy)


def test_errors_say_what_was_tried():
    with pytest.raises(
        ValueError, match=r"no SE module that is known: none of its \d+ modules .*SqueezeExcitation.*regi"
    ):
        ev.trace(torchvision.models.resnet18(), torch.zeros(1, 3, 32, 32))
    with pytest.raises(TypeError, match=r"looks into a torch\.nn\.Module, not into str"):
        ev.find_se("resnet")
    one = WidelyCopied(16)
    two = WidelyCopied(16)
    two.fc[3] = one.fc[3]
    with pytest.raises(ValueError, match="share one gate module"):
        ev.find_se(around(one, two))


def test_compiled_and_wrapped_networks_are_unwrapped():
    model = ev.create_model("efficientnetv2_nano")
    for wrapped in (torch.compile(model), nn.DataParallel(model)):
        assert ev.find_se(wrapped) == ev.find_se(model)
    with pytest.raises(TypeError, match="TorchScript"):
        ev.find_se(torch.jit.script(nn.Conv2d(3, 3, 1)))


def test_a_network_is_searched_again_after_a_change():
    model = ev.create_model("efficientnetv2_nano")
    block = model.stages[3][0]
    before = ev.find_se(model)
    block.se = nn.Identity()
    assert [site.name for site in ev.find_se(model)] == [site.name for site in before if site.name != "stage4.0"]
    block.se = SqueezeExcite(block.project.conv.in_channels, 4)
    again = {site.name: site for site in ev.find_se(model)}
    assert list(again) == [site.name for site in before]
    assert again["stage4.0"].squeeze_channels == 4
