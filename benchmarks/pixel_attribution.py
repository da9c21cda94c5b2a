"""Time of integrated gradients on V2-S against Captum by hand: ``python -m benchmarks.pixel_attribution``."""

import time

import torch
from captum.attr import IntegratedGradients

from benchmarks.forward import medians
from effv2viz.attribution import attribute_pixels, picture_baseline
from effv2viz.models import create_model

SIZE, STEPS, TARGET = 224, 16, 1.05


def measure(device: str) -> None:
    model = create_model("efficientnetv2_s", device=device)
    x = torch.randn(1, 3, SIZE, SIZE, device=device)
    start = picture_baseline(model, x, "black")
    ours = attribute_pixels(model, x, 0, steps=STEPS)

    def by_hand() -> object:
        # As many steps in one forward as ours takes, and the residual, which ours gives too.
        return IntegratedGradients(model).attribute(
            x, start, target=0, n_steps=STEPS, internal_batch_size=6, return_convergence_delta=True
        )

    def forward() -> object:
        with torch.no_grad():
            return model(x)

    found = medians(
        {"forward": forward, "captum by hand": by_hand, "ours": lambda: attribute_pixels(model, x, 0, steps=STEPS)},
        torch.cuda.synchronize if device == "cuda" else lambda: None,
    )
    print(f"EfficientNetV2-S at {SIZE}, {STEPS} steps, batch 1, {device}, {torch.get_num_threads()} threads")
    print(f"  counted: {ours.cost}; no method needs less than {2 * STEPS} passes for {STEPS} gradients")
    for name, seconds in found.items():
        print(f"  {name:16} {seconds:8.3f} s  {seconds / found['forward']:7.1f} forwards")
    ratio = found["ours"] / found["captum by hand"]
    print(f"  target: at most {TARGET} of Captum by hand: {'met' if ratio <= TARGET else 'MISSED'} ({ratio:.3f})")


if __name__ == "__main__":
    started = time.perf_counter()
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        measure(device)
    print(f"  in all {time.perf_counter() - started:.0f} s")
