"""The stage table of a network: shapes, parameters, multiply-adds, and what share of both is SE."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.func import functional_call

from effv2viz.models.efficientnetv2 import EfficientNetV2


@dataclass(frozen=True)
class SummaryRow:
    """One stage. ``params`` and ``macs`` (multiply-adds for one image) include those of its SE modules."""

    stage: str
    block: str
    repeats: int
    stride: int
    channels: str
    output: str
    se_sites: int
    squeeze: str
    params: int
    se_params: int
    macs: int
    se_macs: int


class ModelSummary:
    """The rows of the table, drawn as text by ``print`` and as a table in a notebook."""

    def __init__(self, title: str, rows: list[SummaryRow]) -> None:
        self.title = title
        self.rows = rows
        self.params = sum(row.params for row in rows)
        self.se_params = sum(row.se_params for row in rows)
        self.macs = sum(row.macs for row in rows)
        self.se_macs = sum(row.se_macs for row in rows)

    def table(self) -> list[dict[str, str | int]]:
        """The rows as plain dictionaries."""
        return [{f.name: getattr(row, f.name) for f in fields(row)} for row in self.rows]

    def _cells(self) -> list[list[str]]:
        head = ["stage", "block", "repeats", "stride", "channels", "output (C, H, W)", "SE sites", "squeeze"]
        head += ["parameters", "of them SE", "multiply-adds", "of them SE"]
        cells = [head]
        for r in self.rows:
            sites = str(r.se_sites) if r.se_sites else "no SE" if "MBConv" in r.block else ""
            cells.append([r.stage, r.block, str(r.repeats), str(r.stride), r.channels, r.output, sites, r.squeeze])
            cells[-1] += [f"{r.params:,}", _share(r.se_params, r.params)]
            cells[-1] += [f"{r.macs:,}", _share(r.se_macs, r.macs)]
        total = sum(r.se_sites for r in self.rows)
        blocks = sum(r.repeats for r in self.rows if "MBConv" in r.block)
        cells.append(["total", f"{blocks} blocks", "", "", "", "", str(total), ""])
        cells[-1] += [f"{self.params:,}", _share(self.se_params, self.params)]
        cells[-1] += [f"{self.macs:,}", _share(self.se_macs, self.macs)]
        return cells

    def __str__(self) -> str:
        cells = self._cells()
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        lines = [self.title]
        for number, row in enumerate(cells):
            if number in (1, len(cells) - 1):
                lines.append("  ".join("-" * width for width in widths))
            padded = [
                c.ljust(w) if i in (0, 1, 4, 5, 7) else c.rjust(w)
                for i, (c, w) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append("  ".join(padded).rstrip())
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<ModelSummary {self.title}: {self.params:,} parameters, {self.macs:,} multiply-adds>"

    def _repr_html_(self) -> str:
        head, *body = self._cells()
        rows = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in body)
        names = "".join(f'<th scope="col">{html.escape(c)}</th>' for c in head)
        caption = f"<caption>{html.escape(self.title)}</caption>"
        return f"<table>{caption}<thead><tr>{names}</tr></thead><tbody>{rows}</tbody></table>"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if part else ""


def summarize(model: EfficientNetV2, size: int | None = None) -> ModelSummary:
    """Runs the network once on the meta device, which costs no arithmetic and no memory, and adds up what it would do.

    Multiply-adds are those of convolutions and linear layers, as in the papers, where they are called FLOPs.

    Args:
        model: the network; it is left as it was.
        size: height and width of the image in pixels; the variant's evaluation size where left out.
    """
    size = model.variant.eval_size if size is None else size
    if size < 1:
        raise ValueError(f"size={size}: an image has at least one pixel a side")
    macs: dict[str, int] = {}
    shapes: dict[str, str] = {}
    handles = []

    def count(name: str) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(module: nn.Module, _: object, output: Tensor) -> None:
            if isinstance(module, nn.Conv1d | nn.Conv2d):
                macs[name] = output[0].numel() * module.weight[0].numel()
            elif isinstance(module, nn.Linear):
                macs[name] = module.weight.numel()
            shapes[name] = ", ".join(str(n) for n in output.shape[1:])

        return hook

    for name, module in model.named_modules():
        handles.append(module.register_forward_hook(count(name)))
    was_training = model.training
    try:
        model.eval()
        on_meta = {key: value.detach().to("meta") for key, value in model.state_dict(keep_vars=True).items()}
        first = model.stem.conv.weight
        with torch.no_grad():
            functional_call(
                model, on_meta, torch.empty(1, first.shape[1], size, size, dtype=first.dtype, device="meta")
            )
    finally:
        for handle in handles:
            handle.remove()
        model.train(was_training)

    def params(prefix: str, *, se: bool = False) -> int:
        return sum(
            p.numel() for n, p in model.named_parameters() if n.startswith(prefix + ".") and (".se." in n or not se)
        )

    def adds(prefix: str, *, se: bool = False) -> int:
        return sum(m for n, m in macs.items() if f"{n}.".startswith(prefix + ".") and (".se." in n or not se))

    def row(
        name: str, label: str, block: str, repeats: int, stride: int, channels: str, sites: list[nn.Module]
    ) -> SummaryRow:
        widths = dict.fromkeys(_squeeze_channels(site) for site in sites)
        return SummaryRow(
            stage=label,
            block=block,
            repeats=repeats,
            stride=stride,
            channels=channels,
            output=shapes[name],
            se_sites=len(sites),
            squeeze=" / ".join("none" if width is None else str(width) for width in widths),
            params=params(name),
            se_params=params(name, se=True),
            macs=adds(name),
            se_macs=adds(name, se=True),
        )

    variant = model.variant
    stem = model.stem.conv
    rows = [row("stem", "0", "Conv 3x3", 1, variant.stem_stride, f"{stem.in_channels} -> {stem.out_channels}", [])]
    width = variant.stem_channels
    for number, (spec, stage) in enumerate(zip(variant.stages, model.stages, strict=True), start=1):
        kind = "Fused-MBConv" if spec.block == "fused" else "MBConv"
        modules: list[nn.Module] = [block.get_submodule("se") for block in stage]
        sites = [module for module in modules if not isinstance(module, nn.Identity)]
        channels = f"{width} -> {spec.out_channels}"
        rows.append(
            row(f"stage{number}", str(number), f"{kind}{spec.expand} 3x3", spec.repeats, spec.stride, channels, sites)
        )
        width = spec.out_channels
    rows.append(row("head", "head", "Conv 1x1", 1, 1, f"{width} -> {variant.head_channels}", []))
    classes = model.classifier.out_features
    rows.append(row("classifier", "classifier", "pool, Linear", 1, 1, f"{variant.head_channels} -> {classes}", []))
    return ModelSummary(f"{model.name or 'EfficientNetV2'} at {size}x{size}, attention={model.attention}", rows)


def _squeeze_channels(site: nn.Module) -> int | None:
    """The width of an SE module's bottleneck; None for a relative without one."""
    layers = dict(site.named_modules())
    for path in ("reduce", "channel.reduce", "excitation.0"):
        if path in layers:
            return layers[path].weight.shape[0]
    return None
