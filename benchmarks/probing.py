"""Looking inside against plain forwards and public tools: ``python -m benchmarks.probing``.

Peers are measured in the same run, by turns: captum's ``LayerActivation`` and ``LayerFeatureAblation``, and torchlens
where it is installed (``pip install torchlens``).
"""

import importlib.util
import time

import torch
from captum.attr import LayerActivation, LayerFeatureAblation

import effv2viz as ev
from benchmarks.timing import medians, verdict
from effv2viz.models import EfficientNetV2

SAMPLED = 24  # channels that the slow peer ablates at each site of S; it needs one forward for each, whichever it is
SHARE = 4  # of the channels of each site of S, ours ablates one in so many: all of them take minutes


def gate_modules(model: EfficientNetV2) -> list[torch.nn.Module]:
    return [model.get_submodule(site.gate_path) for site in ev.find_se(model)]


@torch.no_grad()
def tracing(model: EfficientNetV2) -> None:
    x = torch.randn(1, 3, 384, 384)
    activations = LayerActivation(model, gate_modules(model))
    runs = {
        "forward": lambda: model(x),
        "trace, all 30 sites": lambda: ev.trace(model, x),
        "captum LayerActivation, the 30 gates": lambda: activations.attribute(x),
    }
    found = medians(runs, 25)
    if importlib.util.find_spec("torchlens"):  # last, for it wraps torch's functions
        import torchlens

        capture = torchlens.options.CaptureOptions(unwrap_when_done=True)
        sigmoids = torchlens.func("sigmoid")
        slow = {"torchlens, the 30 gates": lambda: torchlens.trace(model, x, save=sigmoids, capture=capture)}
        found |= medians(slow, 3)
    print(f"V2-S at 384, batch 1, {torch.get_num_threads()} threads")
    for name, seconds in found.items():
        print(f"  {name:38} {1000 * seconds:8.1f} ms  {seconds / found['forward']:6.3f} of a forward")
    print(verdict("trace over forward", found["trace, all 30 sites"] / found["forward"], 1.05, at_most=True))

    replay = ev.Replay(model, x)
    site = list(replay.sites)[-1]
    gate = replay.gates[site][0].clone()
    gate[7] = 0
    found = medians({"forward": lambda: model(x), "one changed gate": lambda: replay.run({site: gate})}, 25)
    print(f"  {'one changed gate at ' + site:38} {1000 * found['one changed gate']:8.1f} ms")
    ratio = found["one changed gate"] / found["forward"]
    print(verdict("one changed gate over forward", ratio, 0.05, at_most=True))


def ablation_of_nano() -> None:
    model = ev.create_model("efficientnetv2_nano", weights="fashion")
    x = ev.load_images(list(ev.fashion_sample().images[:1]), model)
    with torch.no_grad():
        target = int(model(x).argmax())
    print("nano at 32, exact ablation of all channels of one site, one picture, baseline 1")
    for site in ("stage4.0", "stage5.1", "stage6.1"):
        slow = LayerFeatureAblation(model, model.get_submodule(f"{site}.se.gate"))

        def theirs(slow=slow):
            with torch.no_grad():
                return slow.attribute(x, target=target, layer_baselines=1.0)

        def ours(site=site):
            return ev.ablate_gates(model, x, target, site=site, baseline=1.0)

        worst = float((theirs().flatten(1) - ours()).abs().max())
        found = medians({"captum": theirs, "ours": ours}, 3)
        print(
            f"  {site}: captum LayerFeatureAblation {found['captum']:.3f} s, ours {found['ours']:.4f} s, "
            f"largest difference {worst:.1e}"
        )
        print(verdict("captum over ours", found["captum"] / found["ours"], 20, at_most=False))


def ablation_of_s(model: EfficientNetV2) -> None:
    x = torch.randn(1, 3, 224, 224)
    target, ours, theirs, channels = 0, 0.0, 0.0, 0
    started = time.perf_counter()
    replay = ev.Replay(model, x)
    preparing = time.perf_counter() - started
    for name, site in replay.sites.items():
        some = range(0, site.channels, SHARE)
        started = time.perf_counter()
        ev.ablate_gates(replay, target=target, site=name, baseline=1.0, channels=some)
        ours += (time.perf_counter() - started) / len(some) * site.channels
    ours += preparing
    for site in ev.find_se(model):
        mask = torch.full((1, site.channels, 1, 1), 0, dtype=torch.long)
        step = site.channels // SAMPLED
        mask[0, ::step, 0, 0] = torch.arange(1, len(range(0, site.channels, step)) + 1)
        count = int(mask.max()) + 1  # feature 0 is the rest of the channels
        slow = LayerFeatureAblation(model, model.get_submodule(site.gate_path))
        started = time.perf_counter()
        with torch.no_grad():
            slow.attribute(x, target=target, layer_baselines=1.0, layer_mask=mask)
        theirs += (time.perf_counter() - started) / (count + 1) * site.channels
        channels += site.channels
    print(f"V2-S at 224, exact ablation of all {channels:,} gates of 30 sites, one picture, baseline 1")
    print(f"  captum LayerFeatureAblation {theirs:.0f} s ({SAMPLED} or so channels a site timed, scaled up)")
    print(f"  ours {ours:.0f} s (one channel in {SHARE} timed, scaled up)")
    print(verdict("captum over ours", theirs / ours, 5, at_most=False))


@torch.no_grad()
def statistics() -> None:
    model = ev.create_model("efficientnetv2_nano", weights="fashion")
    sample = ev.fashion_sample()
    images, labels = ev.load_images(list(sample.images), model), torch.tensor(sample.labels)
    for name, network, loader in (
        ("nano at 32, 2,000 pictures", model, list(zip(images.split(100), labels.split(100), strict=True))),
        (
            "V2-S at 224, 16 pictures",
            ev.create_model("efficientnetv2_s"),
            [(torch.randn(8, 3, 224, 224), torch.arange(8)) for _ in range(2)],
        ),
    ):

        def plain(network=network, loader=loader):
            for x, _ in loader:
                network(x)

        def ours(network=network, loader=loader):
            ev.collect_gates(network, loader, num_classes=10)

        found = medians({"plain": plain, "ours": ours}, 7)
        count = sum(len(y) for _, y in loader)
        print(f"statistics, {name}: {count / found['ours']:.0f} pictures/s, plain loop {count / found['plain']:.0f}")
        print(verdict("statistics over plain loop", found["plain"] / found["ours"], 0.95, at_most=False))


if __name__ == "__main__":
    torch.manual_seed(0)
    s = ev.create_model("efficientnetv2_s")
    tracing(s)
    statistics()
    ablation_of_nano()
    ablation_of_s(s)
