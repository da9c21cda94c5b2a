"""``python -m effv2viz`` is the command ``effv2viz``."""

from effv2viz.cli import app

app()
