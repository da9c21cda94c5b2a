"""The study on toy runs: nothing is trained twice, what was stopped goes on, and changed gates are what they say."""

from dataclasses import replace

import pytest
import torch
from typer.testing import CliRunner

import effv2viz as ev
from effv2viz.cli import app
from effv2viz.datasets import cue
from effv2viz.training.ablation import CUE, CUE_ATTENTION, FASHION_ATTENTION, NEW_SEEDS, STUDY, StudyRun
from effv2viz.training.cue import prepare, train_cue
from effv2viz.training.gate_tests import gate_tests
from effv2viz.training.results import Results
from effv2viz.training.study import finish, run_study
from tests.training.test_fashion import quiet

TOY = replace(CUE, epochs=2, batch_size=16, pictures=64, test_pictures=32, record_every=2, checkpoint_every=3)
RUNS = [StudyRun("cue", replace(TOY, attention=attention)) for attention in ("se", "none")]


def without_time(rows):
    return [{key: value for key, value in row.items() if "seconds" not in key} for row in rows]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    out = tmp_path_factory.mktemp("study")
    run_study(out, runs=RUNS, device="cpu", workers=2, report=quiet)
    return out


def test_what_is_in_the_tables_is_not_trained_again(study):
    said, before = [], {path.name: path.read_bytes() for path in study.glob("*.csv")}
    results = run_study(study, runs=RUNS, device="cpu", report=said.append)
    assert said == [f"2 of 2 runs are in {study}"]
    assert before == {path.name: path.read_bytes() for path in study.glob("*.csv")}
    assert {row["run"] for row in results.runs} == {"cue-se-seed0", "cue-none-seed0"}
    assert {row["run"] for row in results.gates} == {"cue-se-seed0"}
    steps, values = results.curves(attention="none")
    assert steps.tolist() == [2, 4, 6, 8]
    assert values.shape == (1, 4)
    assert results.accuracies(attention="se")["0"] == pytest.approx(
        results.gate_tests("own", attention="se")["0"], abs=0.01
    )


def test_other_recipes_under_the_same_name_are_refused(study):
    other = [StudyRun("cue", replace(TOY, epochs=3))]
    with pytest.raises(ValueError, match="has cue-se-seed0 of another recipe"):
        run_study(study, runs=other, device="cpu", report=quiet)


def test_a_stopped_run_gives_the_rows_of_one_that_was_not(study, tmp_path):
    def stop(line):
        raise KeyboardInterrupt

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the study's workers have: other numbers of threads round in another way
    try:
        with pytest.raises(KeyboardInterrupt):
            train_cue(tmp_path, recipe=RUNS[0].recipe, device="cpu", report=stop, progress=False)
        row, steps, gates = finish(RUNS[0], tmp_path, None, "cpu")
    finally:
        torch.set_num_threads(threads)
    results = Results(study)
    assert without_time([row]) == without_time([r for r in results.runs if r["attention"] == "se"])
    assert steps == [r for r in results.steps if r["run"] == row["run"]]
    assert gates == results.gates


def test_changed_gates_are_what_they_say():
    """Against the interventions of the package, which are tested on their own."""
    model = ev.create_model("efficientnetv2_pico", weights="cue")
    pictures = cue.generate(256, 27)
    twins = cue.flip_cue(pictures)
    x, other = (prepare(torch.from_numpy(p.images)) for p in (pictures, twins))
    labels, twin_labels = torch.from_numpy(pictures.labels), torch.from_numpy(twins.labels)
    statistics = ev.shipped_gates(model)
    rows = {
        (row["gates"], row["site"], row["measure"]): float(row["value"])
        for row in gate_tests(model, x, labels, statistics, (other, twin_labels))
    }

    @torch.no_grad()
    def share(plan, truth, mask):
        with ev.intervene(model, plan):
            return pytest.approx(float((model(x).argmax(1) == truth)[mask].double().mean()), abs=1e-4)

    everything, differ = torch.ones(256, dtype=torch.bool), labels != twin_labels
    swap = ev.Swap(ev.trace(model, other))
    assert rows["own", "all", "accuracy"] == share({}, labels, everything)
    assert rows["mean", "all", "accuracy"] == share(ev.Mean(statistics), labels, everything)
    assert rows["mean", "stage4.0", "accuracy"] == share({"stage4.0": ev.Mean(statistics)}, labels, everything)
    assert rows["one", "stage3.1", "accuracy"] == share({"stage3.1": ev.One()}, labels, everything)
    assert rows["twin's", "all", "follows"] == share(swap, twin_labels, differ)
    assert rows["twin's", "stage4.1", "stays"] == share({"stage4.1": swap}, labels, differ)
    assert rows["another picture's", "all", "accuracy"] < rows["own", "all", "accuracy"]


def test_the_studys_runs_differ_in_what_they_compare():
    names = [run.name for run in STUDY]
    assert len(set(names)) == len(names)
    for part, kinds in (("cue", CUE_ATTENTION), ("fashion", FASHION_ATTENTION)):
        runs = [run for run in STUDY if run.part == part]
        assert {(run.recipe.attention, run.recipe.seed) for run in runs} == {(a, s) for a in kinds for s in range(5)}
        assert len({replace(run.recipe, attention="se", seed=0) for run in runs}) == 1
    assert not set(NEW_SEEDS.values()) & {run.recipe.seed for run in STUDY if run.part != "new_seeds"}


def test_the_command_knows_its_parts(tmp_path):
    done = CliRunner().invoke(app, ["train", "ablation", "--out", str(tmp_path), "--part", "ratios"])
    assert done.exit_code == 1
    assert "unknown part 'ratios'; did you mean 'ratio'" in done.stderr
