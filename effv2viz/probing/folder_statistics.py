"""Gate statistics over a folder of pictures, shard by shard: resumable, and spread over processes if wanted."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch import distributed as dist
from tqdm.auto import tqdm

from effv2viz.datasets.folders import PictureFolder, list_pictures
from effv2viz.datasets.images import ImageError, load_images
from effv2viz.probing.collecting import GateCollector
from effv2viz.probing.guards import eager
from effv2viz.probing.sites import choose_channel_sites
from effv2viz.probing.statistics import GateStatistics
from effv2viz.probing.tracing import trace


@dataclass
class _Progress:
    """What a process has done so far."""

    shards: list[int] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    gates: GateStatistics | None = None

    def save(self, path: Path, fingerprint: str) -> None:
        gates = self.gates or GateStatistics({})
        state = {"fingerprint": fingerprint, "shards": self.shards, "unreadable": self.unreadable}
        GateStatistics(gates, {"progress": json.dumps(state)}).save(path)

    @classmethod
    def load(cls, path: Path, fingerprint: str) -> _Progress:
        if not path.exists():
            return cls()
        gates = GateStatistics.load(path)
        state = json.loads(gates.provenance.get("progress", "{}"))
        if state.get("fingerprint") != fingerprint:
            raise ValueError(
                f"{path} is of a run with other pictures, another network or other settings: remove it to begin anew"
            )
        return cls(state["shards"], state["unreadable"], GateStatistics(gates) if len(gates) else None)


def collect_folder_gates(
    model: nn.Module,
    folder: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    by_class: bool = True,
    batch_size: int = 32,
    shard_size: int = 512,
    progress: bool = True,
    report: Callable[[str], None] = print,
) -> GateStatistics | None:
    """Statistics of every gate over a folder of pictures, written to one safetensors file.

    What is done is kept after every shard beside ``out``; the same call goes on from there after an interruption.
    Under ``torchrun`` the shards are dealt out to the processes, and the first of them writes the result.

    Args:
        model: a network with ``preprocessing``, on the device where it is to run.
        folder: with a subfolder for each class, or with pictures alone.
        out: the file to write.
        by_class: keep the classes apart.
        batch_size: pictures in a forward.
        shard_size: pictures between two savings.
        progress: show a bar.
        report: takes a line of text about each picture that cannot be read. The provenance names such pictures.

    Returns:
        The statistics; None in all processes but the first.

    Raises:
        FileNotFoundError, ValueError: for a folder that cannot be used, or if no picture can be read.
    """
    model = eager(model)
    choose_channel_sites(model)
    pictures = list_pictures(folder)
    out = Path(out)
    if not out.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {out.parent} to write {out.name} into")
    labelled = by_class and pictures.labels is not None
    provenance = {
        "model": str(getattr(model, "name", None) or type(model).__name__),
        "weights": str(getattr(getattr(model, "weights", None), "name", "")),
        "weights_sha256": _state_hash(model),
        "data": str(Path(folder).name),
        "classes": json.dumps(pictures.classes),
    }
    names = [path.relative_to(folder).as_posix() for path in pictures.paths]
    settings = [provenance, names, labelled, shard_size]
    fingerprint = hashlib.sha256(json.dumps(settings).encode()).hexdigest()
    rank, world = _place()
    unfinished = out.with_name(f"{out.name}.{rank + 1}of{world}.unfinished")
    done = _Progress.load(unfinished, fingerprint)
    shards = range(-(-len(pictures) // shard_size))
    mine = [shard for shard in shards if shard % world == rank]
    total = sum(len(range(len(pictures))[shard * shard_size : (shard + 1) * shard_size]) for shard in mine)
    with tqdm(total=total, desc="gates", unit="picture", disable=not progress or rank > 0) as bar:
        for shard in mine:
            span = range(len(pictures))[shard * shard_size : (shard + 1) * shard_size]
            if shard not in done.shards:
                gates = _shard(model, pictures, span, labelled, batch_size, done.unreadable, report, bar)
                if gates is not None:
                    done.gates = gates if done.gates is None else done.gates.merge(gates)
                done.shards.append(shard)
                done.save(unfinished, fingerprint)
            else:
                bar.update(len(span))
    parts = _gathered(done, rank, world)
    result = None
    if parts is not None:
        result = _merged(parts, provenance, f"none of the {len(pictures)} pictures in {folder} can be read")
        result.save(out)
    if world > 1:
        dist.barrier()  # nobody throws away what is not yet written
    unfinished.unlink(missing_ok=True)
    return result


def _merged(parts: list[_Progress], provenance: dict[str, str], nothing: str) -> GateStatistics:
    merged: GateStatistics | None = None
    for part in parts:
        if part.gates is not None:
            merged = part.gates if merged is None else merged.merge(part.gates)
    if merged is None:
        raise ValueError(nothing)
    unreadable = sorted(name for part in parts for name in part.unreadable)
    return GateStatistics(merged, {**provenance, "count": str(merged.count), "unreadable": json.dumps(unreadable)})


def _shard(
    model: nn.Module,
    pictures: PictureFolder,
    span: range,
    labelled: bool,
    batch_size: int,
    unreadable: list[str],
    report: Callable[[str], None],
    bar: tqdm,
) -> GateStatistics | None:
    collector = GateCollector(len(pictures.classes) if labelled else 1)
    taken = 0
    for images, indices in _batches(model, pictures, span, batch_size, unreadable, report, bar):
        labels = torch.tensor([pictures.labels[i] for i in indices]) if labelled and pictures.labels else None
        collector.add(trace(model, images), labels)
        taken += len(images)
    return collector.result() if taken else None


def _batches(
    model: nn.Module,
    pictures: PictureFolder,
    span: range,
    batch_size: int,
    unreadable: list[str],
    report: Callable[[str], None],
    bar: tqdm,
) -> Iterator[tuple[Tensor, list[int]]]:
    """Batches of the pictures that can be read; the files are decoded in threads, one batch ahead."""

    def read(index: int) -> Tensor | str:
        try:
            return load_images([pictures.paths[index]], model)
        except ImageError as error:
            return str(error)

    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as pool:
        chunks = [span[start : start + batch_size] for start in range(0, len(span), batch_size)]
        ahead = [pool.submit(read, index) for index in chunks[0]]
        for number, chunk in enumerate(chunks):
            current = ahead
            ahead = [pool.submit(read, index) for index in chunks[number + 1]] if number + 1 < len(chunks) else []
            read_ones = [(index, future.result()) for index, future in zip(chunk, current, strict=True)]
            for index, answer in read_ones:
                if isinstance(answer, str):
                    unreadable.append(f"{pictures.paths[index].parent.name}/{pictures.paths[index].name}")
                    report(f"left out: {answer}")
            good = [(index, answer) for index, answer in read_ones if isinstance(answer, Tensor)]
            if good:
                yield torch.cat([answer for _, answer in good]), [index for index, _ in good]
            bar.update(len(chunk))


def _state_hash(model: nn.Module) -> str:
    """A SHA-256 of all parameters and buffers, whatever file they came from."""
    digest = hashlib.sha256()
    for key, value in model.state_dict().items():
        digest.update(key.encode())
        digest.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _place() -> tuple[int, int]:
    """This process's number and how many there are."""
    return (dist.get_rank(), dist.get_world_size()) if dist.is_available() and dist.is_initialized() else (0, 1)


def _gathered(done: _Progress, rank: int, world: int) -> list[_Progress] | None:
    """The progress of all processes, in the first of them; None in the others."""
    if world == 1:
        return [done]
    everyone: list[_Progress | None] | None = [None] * world if rank == 0 else None
    dist.gather_object(done, everyone)
    return None if everyone is None else [part for part in everyone if part is not None]


@contextmanager
def distributed() -> Iterator[torch.device | None]:
    """Joins the processes that ``torchrun`` started, over nccl on GPUs and gloo elsewhere; alone it does nothing.

    Yields:
        This process's GPU under nccl; None elsewhere.
    """
    if "WORLD_SIZE" not in os.environ:
        yield None
        return
    device = None
    if torch.cuda.is_available():
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device is not None else "gloo")
    try:
        yield device
    finally:
        dist.destroy_process_group()
