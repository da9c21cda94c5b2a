"""The relatives of SE: each equals timm's module with the same weights, or its paper's formula in float64."""

import math

import numpy as np
import pytest
import timm
import torch
from timm.layers import EcaModule, EffectiveSEModule, GatherExcite, GlobalContext, SEModule
from timm.layers.cbam import CbamModule, ChannelAttn
from torch import nn

import effv2viz as ev
from effv2viz.models.attention import ATTENTION, BOTTLENECKED, build_attention
from tests.models.references import calibrate, pictures

C, R = 24, 4
SPATIAL = {"ge", "ge_plus", "no_squeeze"}


def feature_map(n=3, c=C, h=11, w=7):
    return torch.randn(n, c, h, w, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def randomized(module):
    """In float64 and eval mode, with random weights and statistics, so that nothing is hidden by zeros and ones."""
    generator = torch.Generator().manual_seed(0)
    module = module.double().eval()
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) - 0.5)
    for child in module.modules():
        if isinstance(child, nn.BatchNorm2d):
            child.running_var.add_(1.0)
    return module


SE = {"reduce": "fc1", "expand": "fc2"}
TIMM = {
    "se_relu": (lambda: SEModule(C, rd_channels=R), SE),
    "se_nobias": (lambda: SEModule(C, rd_channels=R, act_layer=nn.SiLU, bias=False), SE),
    "ese": (lambda: EffectiveSEModule(C), {"mix": "fc"}),
    "eca": (lambda: EcaModule(C), {"mix": "conv"}),
    "cbam_channel": (lambda: ChannelAttn(C, rd_channels=R), SE),
    "cbam": (
        lambda: CbamModule(C, rd_channels=R),
        {"channel.reduce": "channel.fc1", "channel.expand": "channel.fc2"}
        | {"spatial.conv": "spatial.conv.conv", "spatial.norm": "spatial.conv.bn"},
    ),
    "ge": (lambda: GatherExcite(C, extent=4, use_mlp=False), {}),
    "gc": (
        lambda: GlobalContext(C, rd_channels=R),
        {"attend": "conv_attn", "reduce": "mlp_scale.fc1", "norm": "mlp_scale.norm", "expand": "mlp_scale.fc2"},
    ),
}


@pytest.mark.parametrize("name", TIMM)
def test_equals_timms_module_with_the_same_weights(name):
    build, names = TIMM[name]
    ours, theirs = randomized(build_attention(name, C, R)), build().double().eval()
    if name == "gc":
        theirs.mlp_scale.norm.eps = ours.norm.eps  # timm's default is 1e-6; GCNet has PyTorch's 1e-5
    state = {}
    for key, value in ours.state_dict().items():
        module, _, leaf = key.rpartition(".")
        state[f"{names[module]}.{leaf}"] = value
    theirs.load_state_dict(state, strict=True)
    x = feature_map()
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)


def sigmoid(v):
    return 1 / (1 + np.exp(-v))


def silu(v):
    return v * sigmoid(v)


def weights(module):
    return {key: value.detach().numpy() for key, value in module.state_dict().items()}


def bottleneck(z, w, act):
    """Logits (..., C) of summaries z (..., C)."""
    reduce, expand = w["reduce.weight"][:, :, 0, 0], w["expand.weight"][:, :, 0, 0]
    return act(z @ reduce.T + w["reduce.bias"]) @ expand.T + w["expand.bias"]


def by_formula(name, x, w):
    """The scaled map of numpy arrays, and its gate: (N, C), or (N, C, H, W) of a spatial one."""
    if name == "se_max":
        s = sigmoid(bottleneck(x.max((2, 3)), w, silu))
    elif name == "srm":
        mean = x.sum((2, 3)) / x[0, 0].size
        deviation = np.sqrt(((x - mean[:, :, None, None]) ** 2).sum((2, 3)) / x[0, 0].size + 1e-5)
        style = mean * w["of_mean"] + deviation * w["of_deviation"]
        normed = (style - w["norm.running_mean"]) / np.sqrt(w["norm.running_var"] + 1e-5)
        s = sigmoid(normed * w["norm.weight"] + w["norm.bias"])
    elif name == "static":
        s = np.repeat(sigmoid(w["logit"])[None], len(x), 0)
    elif name == "no_squeeze":
        s = np.moveaxis(sigmoid(bottleneck(np.moveaxis(x, 1, -1), w, silu)), -1, 1)
    elif name == "ge_plus":
        z = x
        for step, (conv, norm) in enumerate((("squeeze.0", "squeeze.1"), ("squeeze.3", "squeeze.4"))):
            z = np.maximum(z, 0) if step else z
            padded = np.pad(z, ((0, 0), (0, 0), (1, 1), (1, 1)))
            windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))[:, :, ::2, ::2]
            z = np.einsum("nchwij,cij->nchw", windows, w[f"{conv}.weight"][:, 0])
            factor = w[f"{norm}.weight"] / np.sqrt(w[f"{norm}.running_var"] + 1e-5)
            z = (z - w[f"{norm}.running_mean"][:, None, None]) * factor[:, None, None]
            z = z + w[f"{norm}.bias"][:, None, None]
        coarse = np.moveaxis(sigmoid(bottleneck(np.moveaxis(z, 1, -1), w, lambda v: np.maximum(v, 0))), -1, 1)
        (h, wide), (ch, cw) = x.shape[2:], coarse.shape[2:]
        s = coarse[:, :, (np.arange(h) * ch) // h][..., (np.arange(wide) * cw) // wide]
    return x * (s if s.ndim == 4 else s[:, :, None, None]), s


FORMULAS = ("se_max", "srm", "static", "no_squeeze", "ge_plus")


@pytest.mark.parametrize("name", FORMULAS)
def test_equals_its_papers_formula(name):
    module, x = randomized(build_attention(name, C, R)), feature_map()
    expected, _ = by_formula(name, x.numpy(), weights(module))
    assert np.abs(module(x).detach().numpy() - expected).max() < 1e-12


def test_every_relative_has_a_reference():
    assert set(ATTENTION) == {*TIMM, *FORMULAS, "se", "senet", "none"}


@pytest.mark.parametrize("channels", [16, 48, 96, 128, 256, 512, 1536, 3840])
def test_ecas_kernel_is_timms(channels):
    assert build_attention("eca", channels, R).mix.kernel_size == EcaModule(channels).conv.kernel_size


def count(model):
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize(
    ("attention", "published"), [("ese", 61.08e6), ("eca", 17.76e6), ("cbam", 21.43e6), ("gc", 21.50e6)]
)
def test_sizes_of_v2_s_are_timms(attention, published):
    """timm's networks with its own modules in place of SE, at the same bottleneck widths."""
    ours = count(ev.create_model("efficientnetv2_s", attention=attention, device="meta"))
    assert ours == pytest.approx(published, abs=5e3)
    with torch.device("meta"):
        assert ours == count(timm.create_model("efficientnetv2_s", se_layer=attention))


def test_sizes_of_v2_s_follow_from_the_widths():
    """What timm lacks, or builds otherwise: sums over the sites of V2-S, whose SE has 3,700,088 parameters."""
    se = ev.create_model("efficientnetv2_s", device="meta")
    sites = [(site.channels, site.squeeze_channels) for site in ev.find_se(se)]
    without = count(se) - 3_700_088
    extra = {
        "none": lambda c, r: 0,
        "static": lambda c, r: c,
        "ge": lambda c, r: 0,
        "srm": lambda c, r: 4 * c,
        "se_relu": lambda c, r: 2 * c * r + c + r,
        "se_max": lambda c, r: 2 * c * r + c + r,
        "no_squeeze": lambda c, r: 2 * c * r + c + r,
        "se_nobias": lambda c, r: 2 * c * r,
        "cbam_channel": lambda c, r: 2 * c * r,
        "ge_plus": lambda c, r: 2 * c * r + c + r + 2 * (9 * c + 2 * c),
        "senet": lambda c, r: 2 * c * (c // 4),
    }
    for attention, of_site in extra.items():
        model = ev.create_model("efficientnetv2_s", attention=attention, device="meta")
        assert count(model) - without == sum(of_site(*site) for site in sites), attention


def test_the_squeeze_ratio_sets_the_bottleneck():
    for ratio in (1 / 16, 0.5, 1.0):
        model = ev.create_model("efficientnetv2_s", se_ratio=ratio, device="meta")
        assert model.get_submodule("stage4.1.se.reduce").out_channels == int(128 * ratio)
    assert {"se", "cbam", "gc"} <= set(BOTTLENECKED)
    with pytest.raises(ValueError, match=r"'eca' has no bottleneck that se_ratio=0\.5 could set"):
        ev.create_model("efficientnetv2_nano", attention="eca", se_ratio=0.5)
    with pytest.raises(ValueError, match=r"need se_ratio=0\.25, not 0\.5"):
        ev.create_model("efficientnetv2_nano", weights="fashion", se_ratio=0.5)
    with pytest.raises(ValueError, match="gives no bottleneck"):
        ev.create_model("efficientnetv2_nano", se_ratio=0)


def nano(attention):
    torch.manual_seed(0)
    model = calibrate(ev.create_model("efficientnetv2_nano", attention=attention), 32)
    with torch.no_grad():
        for parameter in model.parameters():  # SRM's and static's weights start as zeros
            if not parameter.any():
                parameter.normal_()
    return model.double()


@pytest.mark.parametrize("attention", [name for name in ATTENTION if name not in ("se", "senet", "none")])
def test_a_trace_equals_the_formula(attention):
    model, images = nano(attention), pictures(2, 32).double()
    sites = ev.find_se(model)
    assert [site.name for site in sites] == [site.name for site in ev.find_se(ev.create_model("efficientnetv2_nano"))]
    assert {site.kind for site in sites} == {attention}
    assert {site.spatial for site in sites} == {attention in SPATIAL}
    t = ev.trace(model, images, features=True)
    assert t.logits.shape == (2, 10)
    for site in sites:
        run, se = t[site.name], model.get_submodule(site.path)
        n, c, h, w = run.features.shape
        assert run.gate.shape == run.logit.shape == ((n, c, h, w) if site.spatial else (n, c))
        assert c == site.channels
        if attention in FORMULAS:
            scaled, gate = by_formula(attention, run.features.numpy(), weights(se))
        else:
            x = run.features
            spread = run.gate if site.spatial else run.gate[:, :, None, None]
            scaled = (se.spatial(x * spread) if attention == "cbam" else x * spread).detach().numpy()
            gate = None
        np.testing.assert_allclose(run.scaled.numpy(), scaled, rtol=1e-10, atol=1e-12)
        if gate is not None:
            np.testing.assert_allclose(run.gate.numpy(), gate, rtol=1e-10, atol=1e-12)
        if attention in ("ese", "eca", "gc", "cbam", "cbam_channel", "se_relu", "se_nobias", "srm"):
            reference = run.features.mean((2, 3))
            assert (attention == "gc") != torch.allclose(run.squeeze, reference)
        if attention == "static":
            assert run.squeeze is None
            assert run.hidden is None


@pytest.mark.parametrize("attention", sorted(SPATIAL))
def test_what_works_on_channels_refuses_maps_of_gates(attention):
    model, images = nano(attention), pictures(2, 32).double()
    t = ev.trace(model, images)
    refused = r"the gate of stage4\.0 is a map \(N, C, H, W\)"
    for call in (
        lambda: ev.Replay(model, images),
        lambda: ev.ablate_gates(model, images, site="stage4.0", baseline=0.5),
        lambda: ev.collect_gates(model, [images]),
        lambda: ev.fold_constant_gates(model, 0.5),
        lambda: t.table("stage4.0"),
    ):
        with pytest.raises(ValueError, match=refused):
            call()
    for plan in (ev.Scale(0.5, channels=[0]), ev.Swap(t), ev.Shuffle(), ev.Mean()):
        with pytest.raises(ValueError, match=refused), ev.intervene(model, {"stage4.0": plan}):
            pass
    with ev.intervene(model, ev.One()):
        shut = ev.trace(model, images, features=True)["stage4.0"]
    torch.testing.assert_close(shut.scaled, shut.features)


def test_a_spatial_gate_behind_the_channel_gate_is_not_taken_for_affine():
    """CBAM's spatial gate answers to the channel gate: a replay must run it again."""
    model, images = nano("cbam"), pictures(2, 32).double()
    replay = ev.Replay(model, images)
    gate = torch.full((replay.gates["stage5.1"].shape[1],), 0.25, dtype=torch.float64)
    with ev.intervene(model, {"stage5.1": ev.Constant(0.25)}), torch.no_grad():
        expected = model(images)
    torch.testing.assert_close(replay.run({"stage5.1": gate}), expected, rtol=1e-10, atol=1e-10)
    with pytest.raises(ValueError, match="only scales"):
        ev.fold_constant_gates(model, 0.5)
    timms = timm.create_model("tf_efficientnetv2_b0", se_layer="cbam").eval()
    assert not ev.Replay(timms, pictures(1, 32)).partial


def test_googles_initialisation_leaves_the_attention_of_gc_soft():
    torch.manual_seed(0)
    model = ev.create_model("efficientnetv2_nano", attention="gc")
    attend = model.get_submodule("stage6.1.se.attend").weight
    assert attend.std().item() == pytest.approx(math.sqrt(2 / attend.shape[1]), rel=0.15)


@pytest.mark.parametrize("attention", ATTENTION)
def test_nothing_works_in_place_and_half_precision_stays_finite(attention):
    torch.manual_seed(0)
    module = build_attention(attention, 8, 2).eval()
    seen = []
    for child in module.modules():
        child.register_forward_hook(lambda m, i, o: seen.append((i[0], i[0].clone(), o, o.clone())))
    module(torch.randn(2, 8, 6, 6))
    assert all(torch.equal(i, i0) and torch.equal(o, o0) for i, i0, o, o0 in seen)
    large = torch.ones(1, 8, 384, 384, dtype=torch.float16)  # sums to 147,456, above float16's 65,504
    assert torch.isfinite(module.half()(large)).all()


def test_the_summary_of_every_relative_counts_its_parameters():
    for attention in ATTENTION:
        model = ev.create_model("efficientnetv2_nano", attention=attention)
        summary = model.summary()
        assert summary.params == count(model)
        assert sum(row["se_sites"] for row in summary.table()) == (0 if attention == "none" else 8)
    assert isinstance(model.get_submodule("stage4.0.se"), nn.Identity)
