"""Names, files and downloads of weights: the good ones load, the bad ones are refused in a sentence."""

import hashlib
import http.server
import pickle
import threading

import pytest
import torch
from safetensors.torch import save_file

from effv2viz.models import (
    WeightsUnavailableError,
    create_model,
    export_state_dict,
    list_weights,
)
from effv2viz.models.downloads import Hub, Release


@pytest.fixture(scope="module")
def nano():
    torch.manual_seed(0)
    return create_model("efficientnetv2_nano")


@pytest.mark.parametrize("naming", ["ours", "torchvision", "timm"])
@pytest.mark.parametrize("ending", [".safetensors", ".pth"])
def test_files_load_whatever_their_keys(nano, tmp_path, naming, ending):
    state = nano.state_dict() if naming == "ours" else export_state_dict(nano.state_dict(), naming)
    path = tmp_path / f"w{ending}"
    save_file(state, path) if ending == ".safetensors" else torch.save({"state_dict": state}, path)
    again = create_model("efficientnetv2_nano", weights=path)
    assert all(torch.equal(v, nano.state_dict()[k]) for k, v in again.state_dict().items())
    assert not again.training


class Evil:
    def __reduce__(self):
        return (print, ("code ran",))


def test_bad_files_are_refused(nano, tmp_path, capsys):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"stage1.0.fused.conv.weight": Evil()}, protocol=2))
    with pytest.raises(ValueError, match=r"evil\.pth .*run code"):
        create_model("efficientnetv2_nano", weights=tmp_path / "evil.pth")
    assert "code ran" not in capsys.readouterr().out
    save_file(nano.state_dict(), tmp_path / "cut.safetensors")
    whole = (tmp_path / "cut.safetensors").read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"cut\.safetensors is broken"):
        create_model("efficientnetv2_nano", weights=tmp_path / "cut.safetensors")
    with pytest.raises(FileNotFoundError, match=r"none\.pth"):
        create_model("efficientnetv2_nano", weights=tmp_path / "none.pth")


def test_weights_that_do_not_fit_name_the_first_keys(nano, tmp_path):
    state = dict(nano.state_dict())
    del state["stem.conv.weight"]
    state["stage9.0.conv.weight"] = torch.zeros(1)
    state["classifier.weight"] = torch.zeros(5, 256)
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(ValueError, match="do not fit") as caught:
        create_model("efficientnetv2_nano", weights=tmp_path / "w.pth")
    for part in ("'stem.conv.weight'", "'stage9.0.conv.weight'", "(5, 256) where the network has (10, 256)"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"name": "efficientnetv2s"}, "unknown model 'efficientnetv2s'; did you mean .*efficientnetv2_s"),
        ({"name": "efficientnetv2_s", "weights": "torchvision.in1"}, "did you mean 'torchvision.in1k'"),
        ({"name": "efficientnetv2_s", "weights": "fashion"}, "fashion exist for efficientnetv2_nano"),
        ({"name": "efficientnetv2_nano", "attention": "sennet"}, "did you mean 'senet'"),
        ({"name": "efficientnetv2_nano", "weights": "fashion", "padding": "same"}, "need padding='symmetric'"),
        ({"name": "efficientnetv2_nano", "weights": "fashion", "num_classes": 5}, "reset_classifier"),
        ({"name": "efficientnetv2_nano", "num_classes": 0}, "at least one class"),
    ],
)
def test_wrong_arguments_say_what_is_right(arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        create_model(**arguments)


def test_listed_weights():
    assert list_weights("efficientnetv2_s") == ["torchvision.in1k", "google.in1k", "google.in21k_ft_in1k"]
    assert list_weights("efficientnetv2_xl") == ["google.in21k_ft_in1k"]


@pytest.fixture
def server():
    """Serves ``content`` on loopback as a release and as a hub would; ``behaviour`` is whole, broken off or corrupt."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self, content):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            digest = hashlib.sha256(self.server.content).hexdigest()
            for name, value in {  # what the hub says of a large file
                "X-Repo-Commit": "0" * 40,
                "ETag": f'"{digest}"',
                "X-Linked-Etag": f'"{digest}"',
                "X-Linked-Size": str(len(self.server.content)),
            }.items():
                self.send_header(name, value)
            self.end_headers()

        def do_HEAD(self):
            self.answer(self.server.content)

        def do_GET(self):
            content = self.server.content
            self.server.asked.append(self.path)
            self.answer(content)
            if self.server.behaviour == "broken off":
                self.wfile.write(content[: len(content) // 2])
            else:
                self.wfile.write(content if self.server.behaviour == "whole" else content[::-1])

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.content, server.behaviour, server.asked = b"weights" * 10_000, "whole", []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_release_is_checked_cached_and_never_left_half(server, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    name = f"net-{hashlib.sha256(server.content).hexdigest()[:8]}.pth"
    release = Release(f"http://127.0.0.1:{server.server_port}/{name}")
    folder = tmp_path / "hub" / "checkpoints"
    for server.behaviour in ("broken off", "corrupt"):
        with pytest.raises(WeightsUnavailableError, match=f"{name} is not at .*Run this"):
            release.path(how_to_fetch="Run this.")
        assert list(folder.iterdir()) == []
    server.behaviour = "whole"
    assert release.path(how_to_fetch="").read_bytes() == server.content
    server.behaviour = "corrupt"
    assert release.path(how_to_fetch="").read_bytes() == server.content  # from the cache
    (folder / name).write_bytes(b"rotten")
    server.behaviour = "whole"
    assert release.path(how_to_fetch="").read_bytes() == server.content  # a rotten cache is replaced


def test_without_a_network_the_error_says_how_to_fetch(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    nowhere = Release("http://127.0.0.1:9/net-12345678.pth")
    with pytest.raises(WeightsUnavailableError, match=r"net-12345678\.pth is not at .*checkpoints.*effv2viz fetch"):
        nowhere.path(how_to_fetch="On a machine with a network run: effv2viz fetch x")


def set_for_hub(monkeypatch, **settings):
    """Changes settings of the hub's client. Older ones copy them into the module that downloads."""
    from huggingface_hub import constants, file_download

    for name, value in settings.items():
        monkeypatch.setattr(constants, name, value)
        monkeypatch.setattr(file_download, name, value, raising=False)


def address_for_hub(monkeypatch, address):
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
    set_for_hub(monkeypatch, ENDPOINT=address, HUGGINGFACE_CO_URL_TEMPLATE=template)


@pytest.fixture
def hub(server, tmp_path, monkeypatch):
    address_for_hub(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    set_for_hub(monkeypatch, HF_HUB_CACHE=str(tmp_path), HF_HUB_DISABLE_PROGRESS_BARS=True)
    return Hub("timm/net")


def test_a_hub_file_is_checked_and_cached(server, hub, tmp_path):
    server.behaviour = "corrupt"  # the right size, another content: the hub's client itself does not notice
    with pytest.raises(WeightsUnavailableError, match=r"model\.safetensors is not at .*declared hash.*Run this"):
        hub.path(how_to_fetch="Run this.")
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size >= len(server.content)]
    server.behaviour = "whole"
    assert hub.path(how_to_fetch="").read_bytes() == server.content
    assert server.asked[-1] == "/timm/net/resolve/main/model.safetensors"
    before = len(server.asked)
    assert hub.path(how_to_fetch="").read_bytes() == server.content
    assert len(server.asked) == before  # from the cache
    hub.path(how_to_fetch="").resolve().write_bytes(b"rotten" * 100)
    assert hub.path(how_to_fetch="").read_bytes() == server.content  # a rotten cache is replaced


def test_a_hub_file_that_breaks_off_is_never_taken_for_whole(server, hub, tmp_path):
    server.behaviour = "broken off"
    with pytest.raises(WeightsUnavailableError, match=r"model\.safetensors is not at .*Run this"):
        hub.path(how_to_fetch="Run this.")
    assert not list(tmp_path.rglob("model.safetensors"))
    server.behaviour = "whole"
    assert hub.path(how_to_fetch="").read_bytes() == server.content


def test_without_a_network_the_hub_is_named(hub, monkeypatch):
    address_for_hub(monkeypatch, "http://127.0.0.1:9")
    with pytest.raises(WeightsUnavailableError, match=r"model\.safetensors is not at .*models--timm--net.*Run this"):
        hub.path(how_to_fetch="Run this.")
