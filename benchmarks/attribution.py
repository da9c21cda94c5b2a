"""Cost of attribution on V2-S, in forwards, beside the least that is possible: ``python -m benchmarks.attribution``."""

from collections.abc import Callable

import torch
from captum.attr import IntegratedGradients

from benchmarks.timing import medians, verdict
from effv2viz.attribution import GateModel, attribute_gates, attribute_pixels, picture_baseline
from effv2viz.models import EfficientNetV2, create_model
from effv2viz.probing import find_se, trace

SIZE, STEPS, ROUNDS = 224, 16, 9
TOGETHER = 6  # steps in one forward: what fits into the default budget of memory


def pixels(model: EfficientNetV2, x: torch.Tensor) -> None:
    device = x.device.type
    start = picture_baseline(model, x, "black")
    ours = attribute_pixels(model, x, 0, steps=STEPS)

    def by_hand() -> object:
        return IntegratedGradients(model).attribute(
            x, start, target=0, n_steps=STEPS, internal_batch_size=TOGETHER, return_convergence_delta=True
        )

    def forward() -> object:
        with torch.no_grad():
            return model(x)

    found = medians(
        {"forward": forward, "captum by hand": by_hand, "ours": lambda: attribute_pixels(model, x, 0, steps=STEPS)},
        ROUNDS,
        synchronize(device),
    )
    threads = torch.get_num_threads()
    print(f"EfficientNetV2-S at {SIZE}, batch 1, {device}, {threads} threads, median of {ROUNDS}")
    print(
        f"pixels, integrated gradients, {STEPS} steps (counted: {ours.cost}; at least {STEPS} forwards and backwards)"
    )
    show(found)
    print(verdict("ours over Captum by hand", found["ours"] / found["captum by hand"], 1.05, at_most=True))


def gates(model: EfficientNetV2, x: torch.Tensor) -> None:
    count = sum(site.channels or 0 for site in find_se(model))
    baseline = {name: site.gate[0] for name, site in trace(model, x.flip(3) * 0.5).items()}
    network = GateModel(model)
    own = trace(model, x)

    def gradients() -> object:
        leaves = [own[site.name].gate.clone().requires_grad_() for site in network.sites]
        return torch.autograd.grad(network(*leaves, x)[0, 0], leaves)

    def forward() -> object:
        with torch.no_grad():
            return model(x)

    options = {"baseline": baseline, "target": 0}
    runs = {
        "forward": forward,
        "gradients of all gates, by hand": gradients,
        "first order, direct": lambda: attribute_gates(model, x, effect="direct", **options),
        "first order, total": lambda: attribute_gates(model, x, effect="total", **options),
    }
    found = medians(runs, ROUNDS, synchronize(x.device.type))
    print(f"gates, first order of all {count:,} gates (at least 1 forward and 1 backward)")
    show(found)
    for effect in ("direct", "total"):
        ratio = found[f"first order, {effect}"] / found["forward"]
        print(verdict(f"first order, {effect}, in forwards", ratio, 2.2, at_most=True))

    captums = IntegratedGradients(lambda *given: network(*given[:-1], given[-1].expand(len(given[0]), -1, -1, -1)))

    def by_hand() -> object:
        return captums.attribute(
            tuple(own[site.name].gate for site in network.sites),
            tuple(baseline[site.name][None] for site in network.sites),
            target=0,
            additional_forward_args=(x,),
            n_steps=STEPS,
            internal_batch_size=TOGETHER,
            return_convergence_delta=True,
        )

    def ours() -> object:
        return attribute_gates(model, x, method="integrated_gradients", effect="direct", steps=STEPS, **options)

    found = medians({"forward": forward, "captum by hand": by_hand, "ours": ours}, ROUNDS, synchronize(x.device.type))
    print(f"gates, integrated gradients, {STEPS} steps (at least {STEPS} forwards and backwards)")
    show(found)
    print(verdict("ours over Captum by hand", found["ours"] / found["captum by hand"], 1.05, at_most=True))

    top = {"first order and exact top 50": lambda: attribute_gates(model, x, exact_top=50, **options)}
    found = medians({"forward": forward, **top}, 3, synchronize(x.device.type))
    print("gates, first order and the exact ablation of the 50 strongest (at most 50 forwards without replay)")
    show(found)


def synchronize(device: str) -> Callable[[], None]:
    return torch.cuda.synchronize if device == "cuda" else lambda: None


def show(found: dict[str, float]) -> None:
    for name, seconds in found.items():
        print(f"  {name:34} {seconds:8.3f} s  {seconds / found['forward']:7.1f} forwards")


if __name__ == "__main__":
    torch.manual_seed(0)
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        model = create_model("efficientnetv2_s", device=device)
        x = torch.randn(1, 3, SIZE, SIZE, device=device)
        pixels(model, x)
        gates(model, x)
