"""The loop on a toy task: killed anywhere it resumes exactly, and what goes wrong leaves the last good checkpoint."""

import math
import resource
from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

import effv2viz as ev
from effv2viz.cli import app
from effv2viz.datasets.preprocessing import CUE
from effv2viz.training import loop
from effv2viz.training.cue import CueRecipe, prepare, train_cue
from effv2viz.training.loop import Task, train
from effv2viz.training.playback import Playback
from tests.training.test_fashion import quiet

RECIPE = CueRecipe(
    epochs=2,
    batch_size=8,
    record_every=4,
    checkpoint_every=3,
    pictures=40,
    test_pictures=16,
    probe=4,
    dropout=0.2,
    drop_path=0.2,
    mixup=0.2,
)  # fmt: skip  10 steps; records after 4, 8 and 10, checkpoints after 3, 6 and 9 too


class KilledError(BaseException):
    pass


def killing(monkeypatch, step):
    """The process ends while step number ``step`` (from 1) changes the weights: some are changed, nothing is saved."""
    count = 0
    original = torch.optim.AdamW.step

    def fragile(self, *args, **kwargs):
        nonlocal count
        count += 1
        original(self, *args, **kwargs)
        if count == step:
            raise KilledError

    monkeypatch.setattr(torch.optim.AdamW, "step", fragile)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    train_cue(folder, recipe=RECIPE, device="cpu", report=quiet)
    return folder


def result(folder):
    return (folder / "efficientnetv2_pico.cue.safetensors").read_bytes()


@pytest.mark.parametrize("step", [2, 3, 4, 5, 9, 10])
def test_a_run_killed_in_any_step_ends_with_the_same_bits(step, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        killing(patch, step)
        with pytest.raises(KilledError):
            train_cue(tmp_path, recipe=RECIPE, device="cpu", report=quiet)
    torch.rand(7)  # what else used random numbers meanwhile does not matter
    steps = []
    train_cue(tmp_path, recipe=RECIPE, device="cpu", report=steps.append)
    assert [line.split()[1] for line in steps] == [str(s) for s in (4, 8, 10) if s >= step]
    assert result(tmp_path) == result(whole)
    assert (tmp_path / "playback.safetensors").read_bytes() == (whole / "playback.safetensors").read_bytes()
    without_time = [
        [line.rsplit(",", 2)[0] for line in (folder / "log.csv").read_text().splitlines()]
        for folder in (tmp_path, whole)
    ]
    assert without_time[0] == without_time[1]


def test_seeds_differ_and_the_callers_random_state_is_left_alone(whole, tmp_path):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    train_cue(tmp_path, recipe=replace(RECIPE, seed=1), device="cpu", report=quiet)
    assert torch.equal(before, torch.get_rng_state())
    assert result(tmp_path) != result(whole)
    with pytest.raises(ValueError, match=r"another recipe \(it differs in seed\)"):
        train_cue(tmp_path, recipe=RECIPE, device="cpu", report=quiet)


def test_what_a_run_leaves_can_be_used(whole):
    path = whole / "efficientnetv2_pico.cue.safetensors"
    model = ev.create_model("efficientnetv2_pico", weights=path)
    gates = ev.GateStatistics.load(whole / "efficientnetv2_pico.cue.gates.safetensors")
    pictures = ev.datasets.cue.generate(RECIPE.pictures, RECIPE.seed).images
    t = ev.trace(model, prepare(torch.from_numpy(pictures)))
    for name, site in t.items():
        torch.testing.assert_close(gates[name].mean, site.gate.double().mean(0), atol=1e-6, rtol=1e-5)
    playback = Playback.load(whole / "playback.safetensors")
    assert playback.steps.tolist() == [4, 8, 10]
    assert {name: tuple(gate.shape) for name, gate in playback.gates.items()} == {
        site.name: (3, 4, site.channels) for site in ev.find_se(model)
    }
    assert torch.equal(playback.images, torch.from_numpy(ev.datasets.cue.generate(4, 1_000_000).images))
    with pytest.raises(ValueError, match="holds no playback"):
        Playback.load(path)


def test_training_and_load_images_prepare_pictures_alike():
    pictures = ev.datasets.cue.generate(3, 0).images
    torch.testing.assert_close(prepare(torch.from_numpy(pictures)), ev.load_images(list(pictures), CUE))


@pytest.mark.parametrize("step", [2, 5])
def test_a_loss_that_is_no_number_stops_the_run(step, whole, tmp_path, monkeypatch):
    """A gradient that overflows leaves a finite loss behind and bad weights, which no checkpoint may keep."""
    original, count = torch.Tensor.backward, 0

    def overflow(self, *args, **kwargs):
        nonlocal count
        count += 1
        original(self * (math.inf if count == step else 1), *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.Tensor, "backward", overflow)
        where = "There is no checkpoint" if step == 2 else r"The checkpoint of step 4 is whole in .*checkpoint\.pt"
        with pytest.raises(FloatingPointError, match=rf"(not finite after step|became nan in step) \d+.*{where}"):
            train_cue(tmp_path, recipe=RECIPE, device="cpu", report=quiet)
    train_cue(tmp_path, recipe=RECIPE, device="cpu", report=quiet)
    assert result(tmp_path) == result(whole)


def test_a_full_disk_leaves_the_old_checkpoint(whole, tmp_path):
    """The limit on the size of files stands for a full disk: a write breaks off in the middle."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    lines = []

    def fill(line):
        lines.append(line)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))

    try:
        with pytest.raises(OSError, match=r"cannot be written in step 6: .*The checkpoint of step 4 is whole"):
            train_cue(tmp_path, recipe=RECIPE, device="cpu", report=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.glob("*.part"))
    train_cue(tmp_path, recipe=RECIPE, device="cpu", report=quiet)
    assert result(tmp_path) == result(whole)


def test_a_broken_checkpoint_is_refused(whole, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes((whole / "checkpoint.pt").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"checkpoint\.pt is broken .*: remove it to begin anew"):
        train_cue(tmp_path, recipe=RECIPE, device="cpu", report=quiet)


def toy(**changes):
    images = torch.zeros(8, 48, 48, 3, dtype=torch.uint8)
    labels = torch.arange(8) % 4
    parts = {"images": images, "labels": labels, "test_images": images, "test_labels": labels, "classes": tuple("abcd")}
    return Task(
        **{**parts, **changes},
        preprocessing=CUE,
        prepare=prepare,
        augment=lambda pictures, generator: prepare(pictures),
    )


def test_bad_data_is_refused(tmp_path):
    with pytest.raises(ValueError, match="training labels go from 1 to 7: use 0 to 3"):
        toy(labels=torch.arange(8).clamp(1))
    with pytest.raises(ValueError, match="0 test pictures and 8 labels"):
        toy(test_images=torch.zeros(0, 48, 48, 3))
    with pytest.raises(ValueError, match="8 training pictures fill no batch of 128"):
        train(CueRecipe(), toy(), tmp_path, device="cpu")
    with pytest.raises(ValueError, match="unknown attention 'sse'"):
        train_cue(tmp_path, recipe=replace(RECIPE, attention="sse"), device="cpu")
    with pytest.raises(ValueError, match="difficulty=2"):
        train_cue(tmp_path, recipe=replace(RECIPE, difficulty=2), device="cpu")


def test_the_command_says_what_was_wrong(tmp_path):
    out = ["--out", str(tmp_path), "--device", "cpu"]
    for arguments, message in (
        (["cue", "--attention", "static gate"], "unknown attention 'static gate'; did you mean 'static'?"),
        (["fashion", "--root", "/dev/null"], "no Fashion-MNIST IDX files for 'train' in /dev/null"),
    ):
        done = CliRunner().invoke(app, ["train", *arguments, *out])
        assert done.exit_code == 1
        assert message in done.stderr


def test_averaged_weights_are_the_exponential_average(tmp_path, monkeypatch):
    seen = []
    original = torch.optim.swa_utils.AveragedModel.update_parameters

    def update(self, model):
        seen.append({key: value.detach().clone() for key, value in model.named_parameters()})
        original(self, model)

    monkeypatch.setattr(torch.optim.swa_utils.AveragedModel, "update_parameters", update)
    model = train_cue(tmp_path, recipe=RECIPE, device="cpu", report=quiet)
    expected = seen[0]
    for weights in seen[1:]:
        expected = {key: 0.98 * value + 0.02 * weights[key] for key, value in expected.items()}
    for key, value in model.named_parameters():
        torch.testing.assert_close(value, expected[key])


def test_mixup_is_the_loss_of_mixed_targets():
    torch.manual_seed(0)
    x, y = torch.randn(6, 5), torch.tensor([0, 1, 2, 3, 4, 0])
    layer = torch.nn.Linear(5, 5)
    torch.manual_seed(1)
    loss = loop._loss(layer, x, y, replace(RECIPE, mixup=0.4, label_smoothing=0.1))
    torch.manual_seed(1)
    share = float(torch.distributions.Beta(0.4, 0.4).sample())
    other = torch.randperm(6)
    target = torch.nn.functional.one_hot(y, 5).float()
    target = 0.9 * (share * target + (1 - share) * target[other]) + 0.1 / 5
    expected = -(target * layer(share * x + (1 - share) * x[other]).log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss, expected)
