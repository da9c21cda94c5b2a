"""Time per forward of EfficientNetV2-S against torchvision's and timm's: ``python -m benchmarks.forward``."""

from collections.abc import Callable

import timm
import torch
import torchvision

from benchmarks.timing import medians
from effv2viz.models import create_model

SIZE, ROUNDS, TARGET = 384, 15, 1.05


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
    found = medians(runs, ROUNDS, torch.cuda.synchronize if device == "cuda" else lambda: None)
    print(f"EfficientNetV2-S at {SIZE}, batch 1, {device}, {torch.get_num_threads()} threads, median of {ROUNDS}")
    for name, seconds in found.items():
        print(f"  {name:22} {1000 * seconds:8.1f} ms  {seconds / found['torchvision']:6.3f} of torchvision")
    ratio = found["ours"] / found["torchvision"]
    if device == "cpu":
        print(f"  target: at most {TARGET} of torchvision: {'met' if ratio <= TARGET else 'MISSED'} ({ratio:.3f})")


if __name__ == "__main__":
    for device in ("cpu", *(["cuda"] if torch.cuda.is_available() else [])):
        measure(device)
