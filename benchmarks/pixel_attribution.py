"""Time of integrated gradients on V2-S against Captum by hand: ``python -m benchmarks.pixel_attribution``."""

import torch
from captum.attr import IntegratedGradients

from benchmarks.timing import medians, verdict
from effv2viz.attribution import attribute_pixels, picture_baseline
from effv2viz.models import create_model

SIZE, STEPS, ROUNDS, TARGET = 224, 16, 9, 1.05
TOGETHER = 6  # steps in one forward: what fits into the default budget of memory


def measure(device: str) -> None:
    model = create_model("efficientnetv2_s", device=device)
    x = torch.randn(1, 3, SIZE, SIZE, device=device)
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
        torch.cuda.synchronize if device == "cuda" else lambda: None,
    )
    threads = torch.get_num_threads()
    print(f"EfficientNetV2-S at {SIZE}, {STEPS} steps, batch 1, {device}, {threads} threads, median of {ROUNDS}")
    print(f"  counted: {ours.cost}; no method needs less than {2 * STEPS} passes for {STEPS} gradients")
    for name, seconds in found.items():
        print(f"  {name:16} {seconds:8.3f} s  {seconds / found['forward']:7.1f} forwards")
    print(verdict("ours over Captum by hand", found["ours"] / found["captum by hand"], TARGET, at_most=True))


if __name__ == "__main__":
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        measure(device)
