"""Golden numbers: Google's parameter counts, and the SE widths of its configuration strings."""

import re

import pytest
import torch

from effv2viz.models import VARIANTS, create_model, list_models
from effv2viz.probing import find_se

# google/automl efficientnetv2/effnetv2_model_test.py: Keras counts trainable parameters and batch norm statistics.
GOOGLE_COUNTS = {
    "b0": 7_200_312,
    "b1": 8_212_124,
    "b2": 10_178_374,
    "b3": 14_467_622,
    "s": 21_612_360,
    "m": 54_431_388,
    "l": 119_027_848,
    "xl": 208_896_832,
}
# google/automl efficientnetv2/effnetv2_configs.py, the block strings as published.
CONFIGS = {
    "b0": """r1_k3_s1_e1_i32_o16_c1 r2_k3_s2_e4_i16_o32_c1 r2_k3_s2_e4_i32_o48_c1
             r3_k3_s2_e4_i48_o96_se0.25 r5_k3_s1_e6_i96_o112_se0.25 r8_k3_s2_e6_i112_o192_se0.25""",
    "s": """r2_k3_s1_e1_i24_o24_c1 r4_k3_s2_e4_i24_o48_c1 r4_k3_s2_e4_i48_o64_c1
            r6_k3_s2_e4_i64_o128_se0.25 r9_k3_s1_e6_i128_o160_se0.25 r15_k3_s2_e6_i160_o256_se0.25""",
    "m": """r3_k3_s1_e1_i24_o24_c1 r5_k3_s2_e4_i24_o48_c1 r5_k3_s2_e4_i48_o80_c1
            r7_k3_s2_e4_i80_o160_se0.25 r14_k3_s1_e6_i160_o176_se0.25 r18_k3_s2_e6_i176_o304_se0.25
            r5_k3_s1_e6_i304_o512_se0.25""",
    "l": """r4_k3_s1_e1_i32_o32_c1 r7_k3_s2_e4_i32_o64_c1 r7_k3_s2_e4_i64_o96_c1
            r10_k3_s2_e4_i96_o192_se0.25 r19_k3_s1_e6_i192_o224_se0.25 r25_k3_s2_e6_i224_o384_se0.25
            r7_k3_s1_e6_i384_o640_se0.25""",
    "xl": """r4_k3_s1_e1_i32_o32_c1 r8_k3_s2_e4_i32_o64_c1 r8_k3_s2_e4_i64_o96_c1
             r16_k3_s2_e4_i96_o192_se0.25 r24_k3_s1_e6_i192_o256_se0.25 r32_k3_s2_e6_i256_o512_se0.25
             r8_k3_s1_e6_i512_o640_se0.25""",
}
# B1 to B3 are scaled from B0: SE sites, and the squeeze widths (first block / the rest) of stages 4, 5, 6.
SCALED = {
    "b1": (19, ((12, 24), (24, 28), (28, 48))),
    "b2": (20, ((14, 26), (26, 30), (30, 52))),
    "b3": (24, ((14, 28), (28, 34), (34, 58))),
}


@pytest.mark.parametrize("size", GOOGLE_COUNTS)
def test_parameter_counts_are_googles(size):
    model = create_model(f"efficientnetv2_{size}", device="meta")
    statistics = [b for name, b in model.named_buffers() if name.endswith(("running_mean", "running_var"))]
    assert sum(t.numel() for t in [*model.parameters(), *statistics]) == GOOGLE_COUNTS[size]


@pytest.mark.parametrize("size", CONFIGS)
def test_every_site_has_the_width_that_the_published_strings_give(size):
    expected = []
    for stage, row in enumerate(CONFIGS[size].split(), start=1):
        repeats, expand, width, out = (int(re.search(rf"{key}(\d+)", row)[1]) for key in ("r", "_e", "_i", "_o"))
        for position in range(repeats if "_se" in row else 0):
            block_input = width if position == 0 else out
            expected.append((f"stage{stage}.{position}", block_input * expand, int(block_input * 0.25)))
    sites = find_se(create_model(f"efficientnetv2_{size}", device="meta"))
    assert [(s.name, s.channels, s.squeeze_channels) for s in sites] == expected


@pytest.mark.parametrize("size", SCALED)
def test_scaled_variants_have_the_published_sites(size):
    sites = find_se(create_model(f"efficientnetv2_{size}", device="meta"))
    count, widths = SCALED[size]
    assert len(sites) == count
    for stage, (first, rest) in zip((4, 5, 6), widths, strict=True):
        own = [s.squeeze_channels for s in sites if s.name.startswith(f"stage{stage}.")]
        assert own == [first] + [rest] * (len(own) - 1)


def test_nano_is_a_miniature_of_the_same_plan():
    model = create_model("efficientnetv2_nano")
    sites = find_se(model)
    assert 300_000 <= sum(p.numel() for p in model.parameters()) <= 600_000
    assert 6 <= len(sites) <= 8
    assert {s.name[:6] for s in sites} == {"stage4", "stage5", "stage6"}
    assert {s.reduction for s in sites} == {16, 24}  # as in the published networks
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_pico_is_shallow_and_small():
    with_se, without = (create_model("efficientnetv2_pico", attention=a) for a in ("se", "none"))
    assert sum(p.numel() for p in with_se.parameters()) == pytest.approx(50_000, rel=0.02)
    assert sum(p.numel() for p in without.parameters()) == pytest.approx(44_000, rel=0.02)
    assert [(s.name, s.channels, s.squeeze_channels) for s in find_se(with_se)] == [
        ("stage3.0", 64, 4), ("stage3.1", 96, 6), ("stage4.0", 96, 6), ("stage4.1", 160, 10),
    ]  # fmt: skip
    assert with_se(torch.zeros(2, 3, 48, 48)).shape == (2, 4)


@pytest.mark.parametrize("name", list_models())
def test_drop_path_grows_with_depth(name):
    model = create_model(name, device="meta")
    blocks = [block for stage in model.stages for block in stage]
    for index, block in enumerate(blocks):
        expected = 0.2 * index / len(blocks) if block.has_skip else 0.0
        assert block.drop_path.drop == pytest.approx(expected)


@pytest.mark.parametrize("name", ["efficientnetv2_nano", "efficientnetv2_s"])
def test_google_initialisation(name):
    torch.manual_seed(0)
    model = create_model(name)
    block = model.get_submodule("stage6.1")
    depthwise, project = block.depthwise.conv.weight, block.project.conv.weight
    assert depthwise.std().item() == pytest.approx((2 / 9) ** 0.5, rel=0.05)
    assert project.std().item() == pytest.approx((2 / project.shape[0]) ** 0.5, rel=0.05)
    limit = model.classifier.out_features**-0.5
    assert limit * 0.99 < model.classifier.weight.abs().max().item() <= limit
    assert not block.se.reduce.bias.any()
    assert not block.se.expand.bias.any()


def test_only_mbconv_stages_have_se():
    for name, variant in VARIANTS.items():
        model = create_model(name, device="meta")
        with_se = {int(s.name[5]) for s in find_se(model)}
        assert with_se == {i for i, s in enumerate(variant.stages, start=1) if s.block == "mbconv"}
