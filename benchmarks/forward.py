"""Time per forward of EfficientNetV2-S against torchvision's and timm's: ``python -m benchmarks.forward``."""

import statistics
import time
from collections.abc import Callable

import timm
import torch
import torchvision

from effv2viz.models import create_model

SIZE, ROUNDS, TARGET = 384, 15, 1.05


def medians(runs: dict[str, Callable[[], object]], synchronize: Callable[[], None]) -> dict[str, float]:
    """The median seconds of each run; the runs take turns, so that a slow moment hits all of them."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(ROUNDS + 2):
        for name, run in runs.items():
            synchronize()
            started = time.perf_counter()
            run()
            synchronize()
            if turn >= 2:
                seconds[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in seconds.items()}


@torch.inference_mode()
def measure(device: str) -> None:
    models = {
        "torchvision": torchvision.models.efficientnet_v2_s().eval().to(device),
        "ours": create_model("efficientnetv2_s", device=device),
        "timm": timm.create_model("tf_efficientnetv2_s").eval().to(device),
    }
    x = torch.randn(1, 3, SIZE, SIZE, device=device)
    last = x.to(memory_format=torch.channels_last)
    runs: dict[str, Callable[[], object]] = {name: lambda m=model: m(x) for name, model in models.items()}
    ours_last = create_model("efficientnetv2_s", device=device).to(memory_format=torch.channels_last)
    runs["ours, channels_last"] = lambda: ours_last(last)

    def half() -> object:
        with torch.autocast(device, dtype=torch.bfloat16):
            return models["ours"](x)

    runs["ours, bf16"] = half
    if device == "cuda":
        compiled = torch.compile(models["ours"])
        runs["ours, compile"] = lambda: compiled(x)
    found = medians(runs, torch.cuda.synchronize if device == "cuda" else lambda: None)
    print(f"EfficientNetV2-S at {SIZE}, batch 1, {device}, {torch.get_num_threads()} threads, median of {ROUNDS}")
    for name, seconds in found.items():
        print(f"  {name:22} {1000 * seconds:8.1f} ms  {seconds / found['torchvision']:6.3f} of torchvision")
    ratio = found["ours"] / found["torchvision"]
    if device == "cpu":
        print(f"  target: at most {TARGET} of torchvision: {'met' if ratio <= TARGET else 'MISSED'} ({ratio:.3f})")


if __name__ == "__main__":
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        measure(device)
