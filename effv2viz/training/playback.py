"""Playback: how gates, loss and accuracy developed in a training run, to be played like a film."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from effv2viz.bundled import bundled
from effv2viz.probing import find_se, trace
from effv2viz.suggestions import unknown_name

_KIND = "effv2viz playback: sites"
_BUNDLED = {name: f"efficientnetv2_pico.{name}.playback.safetensors" for name in ("cue", "cue_none")}


def load_playback(weights: str) -> Playback:
    """The playback of the run that made bundled weights, ``cue`` or ``cue_none``.

    Raises:
        ValueError: for weights without one.
    """
    if weights not in _BUNDLED:
        raise unknown_name("playback", weights, _BUNDLED)
    return Playback.load(bundled("data", "weights", _BUNDLED[weights]))


class Playback:
    """Records of a run: at each of T steps, the gates of the same P pictures.

    Args:
        images: the pictures, (P, ...) uint8.
        labels: (P,).

    Attributes:
        images: the pictures.
        labels: theirs.
        steps: (T,) int, of the records.
        loss: (T,) float, mean training loss since the record before.
        accuracy: (T,) float, on the test pictures.
        gates: {site: (T, P, C)} float16, with the weights of that step (not the averaged ones) in eval mode. Empty for
            a network without sites; sites whose gates are maps are left out.
    """

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images.contiguous(), labels.contiguous()
        self.steps = torch.empty(0, dtype=torch.long)
        self.loss = torch.empty(0)
        self.accuracy = torch.empty(0)
        self.gates: dict[str, Tensor] = {}

    def add(self, model: nn.Module, inputs: Tensor, step: int, loss: float, accuracy: float) -> None:
        """Takes in a record; ``inputs`` are the pictures as the network takes them."""
        sites = [site.name for site in find_se(model) if not site.spatial]
        run = trace(model, inputs, sites, keep_on="cpu") if sites else {}
        for name, site in run.items():
            gate = site.gate.half()[None]
            self.gates[name] = torch.cat([self.gates[name], gate]) if name in self.gates else gate
        self.steps = torch.cat([self.steps, torch.tensor([step])])
        self.loss = torch.cat([self.loss, torch.tensor([loss])])
        self.accuracy = torch.cat([self.accuracy, torch.tensor([accuracy])])

    def state_dict(self) -> dict[str, Any]:
        """What ``add`` has taken in."""
        return {"steps": self.steps, "loss": self.loss, "accuracy": self.accuracy, "gates": self.gates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes the place of what was taken in."""
        for name in self.state_dict():
            setattr(self, name, state[name])

    def to_bytes(self) -> bytes:
        """The content of a safetensors file that ``load`` reads."""
        from safetensors.torch import save

        tensors = {name: getattr(self, name) for name in ("images", "labels", "steps", "loss", "accuracy")}
        tensors |= {f"{name}:gate": gate for name, gate in self.gates.items()}
        return save(tensors, {_KIND: json.dumps(list(self.gates))})

    @classmethod
    def load(cls, path: str | Path) -> Playback:
        """Reads what a run wrote.

        Raises:
            ValueError: if the file is broken or holds something else.
        """
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                sites = (file.metadata() or {}).get(_KIND)
                if sites is None:
                    raise ValueError(f"{path} holds no playback of a training run")
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
            playback = cls(tensors["images"], tensors["labels"])
            gates = {name: tensors[f"{name}:gate"] for name in json.loads(sites)}
            playback.load_state_dict({**tensors, "gates": gates})
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"{path} is broken: {error}") from error
        return playback
