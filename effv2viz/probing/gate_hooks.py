"""Gates as a forward passes them: seen, or set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Union

from torch import Tensor, nn

from effv2viz.probing.sites import Site

GateRule = Union[Tensor, Callable[[Tensor], Tensor]]


@contextmanager
def gates_seen(model: nn.Module, sites: Iterable[Site], see: Callable[[str, Tensor], object]) -> Iterator[None]:
    """While the block lasts, ``see`` is called with a site's name and a copy of its gates (N, C) as they are made."""

    def watcher(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            see(name, output.detach().flatten(1).clone())

        return hook

    with ExitStack() as hooks:
        for site in sites:
            hooks.callback(model.get_submodule(site.gate_path).register_forward_hook(watcher(site.name)).remove)
        yield


@contextmanager
def gates_set(model: nn.Module, gates: Mapping[Site, GateRule]) -> Iterator[None]:
    """While the block lasts, the gates of these sites are these (N, C), or functions of what the network computes."""

    def setter(rule: GateRule) -> Callable[..., Tensor]:
        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            gate = rule if isinstance(rule, Tensor) else rule(output.flatten(1))
            return gate.to(output.dtype).reshape(output.shape)

        return hook

    with ExitStack() as hooks:
        for site, gate in gates.items():
            hooks.callback(model.get_submodule(site.gate_path).register_forward_hook(setter(gate)).remove)
        yield
