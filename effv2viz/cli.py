"""The command ``effv2viz``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Optional

import typer

app = typer.Typer(
    help="See what the Squeeze-and-Excitation gates of an EfficientNetV2 do.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
train_app = typer.Typer(help="Train a network by a recipe.", no_args_is_help=True)
app.add_typer(train_app, name="train")


def _stop(error: Exception) -> typer.Exit:
    typer.echo(f"effv2viz: {error}", err=True)
    return typer.Exit(1)


@app.command()
def lab(
    folder: Annotated[
        Optional[Path], typer.Argument(help="Where the lessons are copied to; a checkout opens its own notebooks.")
    ] = None,
    port: Annotated[Optional[int], typer.Option(help="Use this port and no other.", min=1, max=65535)] = None,
    browser: Annotated[
        Optional[bool], typer.Option(help="Open a browser; by default where there is a desktop.")
    ] = None,
) -> None:
    """Open JupyterLab on the first lesson."""
    from effv2viz.lab import PortTakenError, has_display, run_lab

    with tempfile.TemporaryDirectory(prefix="effv2viz-lab-") as config:
        try:
            code = run_lab(folder, port, browser=has_display() if browser is None else browser, config=Path(config))
        except (PortTakenError, FileNotFoundError) as error:
            raise _stop(error) from error
    raise typer.Exit(code)


@app.command()
def fetch(
    model: Annotated[str, typer.Argument(help="The network, such as efficientnetv2_s.")],
    weights: Annotated[Optional[str], typer.Option(help="Their name; the network's first ones by default.")] = None,
) -> None:
    """Download the weights of a network to where create_model looks for them."""
    from effv2viz.models import WeightsUnavailableError, find_weights, list_weights

    try:
        chosen = find_weights(model, weights or list_weights(model)[0])
        path = chosen.path()
    except (ValueError, WeightsUnavailableError) as error:
        raise _stop(error) from error
    typer.echo(f"{model} {chosen.name}: {path}")
    typer.echo(f"  published top-1 accuracy {chosen.accuracy} %, licence {chosen.licence}")


@train_app.command("fashion")
def train_fashion_command(
    out: Annotated[Path, typer.Option(help="Folder of the run; a run that was stopped there goes on.")] = Path(
        "runs/fashion"
    ),
    root: Annotated[
        Optional[Path], typer.Option(help="Folder with Fashion-MNIST's IDX files, or to download to.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    epochs: Annotated[Optional[int], typer.Option(help="Fewer or more than the recipe's.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Of initialisation, order and augmentation.")] = 0,
) -> None:
    """Train efficientnetv2_nano on Fashion-MNIST: the recipe behind the bundled weights."""
    from dataclasses import replace

    from effv2viz.training.fashion import FashionRecipe, train_fashion

    recipe = replace(FashionRecipe(), seed=seed)
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    try:
        train_fashion(out, root=root, recipe=recipe, device=device, report=typer.echo)
    except (ValueError, OSError) as error:
        raise _stop(error) from error
    typer.echo(f"weights, gate statistics and log in {out}")
