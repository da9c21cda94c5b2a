"""Weights from the network: cached where torch and the hub cache, checked by hash, whole or not at all."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.error import URLError


class WeightsUnavailableError(OSError):
    """The weights are neither on this machine nor to be had from the network now."""


class Source(Protocol):
    """Where a file of weights comes from."""

    def here(self) -> Path | None:
        """The whole file, if it is on this machine already. Nothing is downloaded."""

    def path(self, *, how_to_fetch: str) -> Path:
        """The file on this machine, downloaded if need be and checked.

        Raises:
            WeightsUnavailableError: saying which file was wanted, where it was looked for, and ``how_to_fetch``.
        """


@dataclass(frozen=True)
class Bundled:
    """A file that ships with the package."""

    name: str

    def here(self) -> Path:
        from effv2viz.bundled import bundled

        return bundled("data", "weights", self.name)

    def path(self, *, how_to_fetch: str) -> Path:
        return self.here()


@dataclass(frozen=True)
class Release:
    """A file at an address whose name ends in the first digits of its SHA-256, as torchvision publishes weights."""

    url: str

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def hash_prefix(self) -> str:
        match = re.search(r"-([0-9a-f]{8,})\.", self.name)
        if match is None:
            raise ValueError(f"the file name of {self.url} declares no hash")
        return match[1]

    def _target(self) -> Path:
        import torch.hub

        return Path(torch.hub.get_dir()) / "checkpoints" / self.name

    def here(self) -> Path | None:
        target = self._target()
        return target if target.exists() and sha256(target).startswith(self.hash_prefix) else None

    def path(self, *, how_to_fetch: str) -> Path:
        import torch.hub

        found = self.here()
        if found is not None:
            return found
        name, prefix, target = self.name, self.hash_prefix, self._target()
        target.unlink(missing_ok=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(self.url, str(target), hash_prefix=prefix)
        except RuntimeError as error:  # the hash differs; torch removed the file
            raise _unavailable(name, target, self.url, f"what came is broken ({error})", how_to_fetch) from error
        except (URLError, OSError) as error:
            raise _unavailable(name, target, self.url, str(error), how_to_fetch) from error
        return target


@dataclass(frozen=True)
class Hub:
    """A file in a repository of the Hugging Face hub, which declares the SHA-256 of large files."""

    repo: str
    name: str = "model.safetensors"

    def here(self) -> Path | None:
        from huggingface_hub import try_to_load_from_cache

        cached = try_to_load_from_cache(self.repo, self.name)
        return Path(cached) if isinstance(cached, str) and self._is_whole(Path(cached)) else None

    def path(self, *, how_to_fetch: str) -> Path:
        from huggingface_hub import constants, hf_hub_download

        found = self.here()
        if found is not None:
            return found
        folder = Path(constants.HF_HUB_CACHE) / f"models--{self.repo.replace('/', '--')}"
        address = f"{constants.ENDPOINT}/{self.repo}"
        try:
            path = Path(hf_hub_download(self.repo, self.name))
        except Exception as error:  # the hub's client raises its own, its HTTP library's and the system's errors
            raise _unavailable(self.name, folder, address, str(error).splitlines()[0], how_to_fetch) from error
        if not self._is_whole(path):
            raise _unavailable(self.name, folder, address, "what came does not have its declared hash", how_to_fetch)
        return path

    @staticmethod
    def _is_whole(path: Path) -> bool:
        """Whether the file has the hash that the hub declared; a broken one is removed.

        The cache names a large file by its SHA-256 and links to it; a file without such a name declares none.
        """
        blob = path.resolve()
        if not re.fullmatch(r"[0-9a-f]{64}", blob.name) or sha256(blob) == blob.name:
            return True
        path.unlink(missing_ok=True)
        blob.unlink(missing_ok=True)
        return False


def sha256(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _unavailable(name: str, place: Path, address: str, reason: str, how_to_fetch: str) -> WeightsUnavailableError:
    return WeightsUnavailableError(
        f"the weights file {name} is not at {place}, and could not be downloaded from {address}: {reason}. "
        f"{how_to_fetch}"
    )
