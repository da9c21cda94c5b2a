"""A wheel installed into an empty environment, outside the repository, brings weights, pictures and lessons along."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
PROGRAM = """
from pathlib import Path
import effv2viz as ev
from effv2viz.lab import lesson_folder
from effv2viz.training.playback import load_playback
from effv2viz.training.results import Results
assert {environment!r} in ev.__file__, ev.__file__
model = ev.create_model("efficientnetv2_nano", weights="fashion")
assert len(ev.fashion_sample("test")) == 2000 and len(ev.fashion_sample("train")) == 4000
images = ev.load_images(list(ev.photo_paths().values()), model)
assert ev.trace(model, images).logits.shape == (5, 10)
assert ev.shipped_gates(model).count == 60000
assert len(load_playback("cue").steps) > 10
assert Results().accuracies(part="cue", attention="se")
lessons = lesson_folder(None)
assert lessons == Path("effv2viz-lessons") and (lessons / "00-start-here.ipynb").exists()
assert "BEGIN SOLUTION" not in (lessons / "03-scale.ipynb").read_text() and (lessons / "glossary.md").exists()
"""


def test_a_wheel_is_complete(tmp_path):
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    options = ["--no-deps", "--no-build-isolation", "-w", str(tmp_path / "wheels")]
    subprocess.run([*pip, "wheel", *options, str(REPOSITORY)], check=True)
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False, symlinks=True)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (wheel,) = (tmp_path / "wheels").glob("effv2viz-*.whl")
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True)
    # The dependencies come from here; a path file within a path file is not followed, so the checkout stays hidden.
    site = next(environment.glob("**/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    program = PROGRAM.format(environment=str(environment))
    done = subprocess.run([python, "-c", program], cwd=tmp_path, env=clean, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
