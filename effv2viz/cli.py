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
lessons_app = typer.Typer(help="The lessons.", no_args_is_help=True)
app.add_typer(lessons_app, name="lessons")


def _stop(error: Exception) -> typer.Exit:
    typer.echo(f"effv2viz: {error}", err=True)
    return typer.Exit(1)


@app.command()
def lab(
    folder: Annotated[
        Optional[Path], typer.Argument(help="Your copies of the lessons; effv2viz-lessons by default.")
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
        except (PortTakenError, ValueError, OSError) as error:
            raise _stop(error) from error
    raise typer.Exit(code)


@lessons_app.command("copy")
def lessons_copy(folder: Annotated[Path, typer.Argument(help="Where to; what is there already is kept.")]) -> None:
    """Copy the lessons, without solutions, into a folder. Again later, it adds the lessons that are new."""
    from effv2viz.course.lesson_copies import copy_lessons

    try:
        copied = copy_lessons(folder)
    except (ValueError, OSError) as error:
        raise _stop(error) from error
    said = {
        "new": "copied",
        "kept": "kept as it is",
        "damaged": "a fresh copy; the old file cannot be read and is kept",
    }
    for lesson in copied:
        typer.echo(f"{lesson.path}: {said[lesson.what]}")


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


@app.command()
def gates(
    folder: Annotated[Path, typer.Argument(help="Pictures: a subfolder for each class, or pictures alone.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="One of ours, such as efficientnetv2_s, or package.module:function.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The file to write.")] = Path("gates.safetensors"),
    weights: Annotated[Optional[str], typer.Option(help="Their name, or a file; the first known by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures in a forward.")] = 32,
    shard_size: Annotated[int, typer.Option(min=1, help="Pictures between two savings.")] = 512,
    by_class: Annotated[bool, typer.Option(help="Keep the classes apart.")] = True,
) -> None:
    """Statistics of every SE gate over a folder of pictures.

    After an interruption the same command goes on at the last shard. On many processes: torchrun --nproc-per-node 2
    -m effv2viz gates ...
    """
    import json

    from effv2viz.models import WeightsUnavailableError, any_network
    from effv2viz.probing.folder_statistics import collect_folder_gates, distributed

    try:
        with distributed() as own_device:
            network = any_network(model, weights, own_device or device)
            found = collect_folder_gates(
                network,
                folder,
                out,
                by_class=by_class,
                batch_size=batch_size,
                shard_size=shard_size,
                report=lambda line: typer.echo(line, err=True),
            )
    except (ValueError, FileNotFoundError, WeightsUnavailableError) as error:
        raise _stop(error) from error
    except KeyboardInterrupt:
        typer.echo("effv2viz: stopped; the same command goes on after the last finished shard", err=True)
        raise typer.Exit(130) from None
    if found is None:
        return
    unreadable = json.loads(found.provenance["unreadable"])
    typer.echo(f"{found} in {out}")
    if unreadable:
        typer.echo(f"{len(unreadable)} pictures could not be read and are not in it: {', '.join(unreadable[:10])}")
    for row in found.table():
        numbers = {"mean": "mean gate", "spread": "spread over images", "separability": "separability"}
        shown = ", ".join(f"{word} {row[key]:.3f}" for word, key in numbers.items())
        typer.echo(f"  {row['site']}: {row['gates']} gates, {shown}, saturated {100 * float(row['saturated']):.1f} %")


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
    except (ValueError, OSError, FloatingPointError) as error:
        raise _stop(error) from error
    typer.echo(f"weights, gate statistics and log in {out}")


@train_app.command("cue")
def train_cue_command(
    out: Annotated[
        Optional[Path],
        typer.Option(
            help="Folder of the run; a run that was stopped there goes on. runs/cue-ATTENTION-SEED by default."
        ),
    ] = None,
    attention: Annotated[str, typer.Option(help="The SE module: se, none, static, eca and more.")] = "se",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    epochs: Annotated[Optional[int], typer.Option(help="Fewer or more than the recipe's.", min=1)] = None,
    difficulty: Annotated[
        Optional[float], typer.Option(help="Of the pictures, 0 to 1; the recipe's by default.", min=0, max=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of pictures, initialisation and order.", min=0)] = 0,
) -> None:
    """Train efficientnetv2_pico on the cue task, with SE or a relative of it."""
    from dataclasses import replace

    from effv2viz.training.cue import CueRecipe, train_cue

    recipe = replace(CueRecipe(), attention=attention, seed=seed)
    if epochs is not None:
        recipe = replace(recipe, epochs=epochs)
    if difficulty is not None:
        recipe = replace(recipe, difficulty=difficulty)
    out = out or Path("runs") / f"cue-{attention}-{seed}"
    try:
        train_cue(out, recipe=recipe, device=device, report=typer.echo)
    except (ValueError, OSError, FloatingPointError) as error:
        raise _stop(error) from error
    typer.echo(f"weights, gate statistics, log and playback in {out}")


@train_app.command("ablation")
def train_ablation_command(
    out: Annotated[
        Path, typer.Option(help="Gets the tables, and a folder per run. What is there is not repeated.")
    ] = Path("runs/ablation"),
    part: Annotated[
        Optional[list[str]], typer.Option(help="Only the runs of this part, such as cue or fashion; may be repeated.")
    ] = None,
    root: Annotated[
        Optional[Path], typer.Option(help="Folder with Fashion-MNIST's IDX files, or to download to.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    workers: Annotated[int, typer.Option(help="Processes that train at the same time.", min=1)] = 1,
    threads: Annotated[int, typer.Option(help="Of each process.", min=1)] = 1,
) -> None:
    """Train the study of what SE is worth: many small runs, each of which changes one thing."""
    from effv2viz.suggestions import unknown_name
    from effv2viz.training.ablation import STUDY
    from effv2viz.training.study import run_study

    parts = list(dict.fromkeys(run.part for run in STUDY))
    runs = [run for run in STUDY if part is None or run.part in part]
    try:
        for name in part or ():
            if name not in parts:
                raise unknown_name("part", name, parts)
        results = run_study(
            out, runs=runs, root=root, device=device, workers=workers, threads=threads, report=typer.echo
        )
    except (ValueError, OSError, FloatingPointError) as error:
        raise _stop(error) from error
    typer.echo(f"{len(results.runs)} runs in {out}")


@app.command()
def report(
    pictures: Annotated[list[Path], typer.Argument(help="Files of pictures.")],
    model: Annotated[
        str, typer.Option("--model", "-m", help="One of ours, such as efficientnetv2_s, or package.module:function.")
    ] = "efficientnetv2_nano",
    out: Annotated[Path, typer.Option("--out", "-o", help="The .html file to write.")] = Path("report.html"),
    weights: Annotated[Optional[str], typer.Option(help="Their name, or a file; the first known by default.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Write the gates of some pictures as one interactive page that needs no network."""
    from effv2viz.datasets import load_images
    from effv2viz.models import WeightsUnavailableError, any_network
    from effv2viz.widgets.report import write_report

    try:
        network = any_network(model, weights, device)
        write_report(out, network, load_images(pictures, network), [picture.name for picture in pictures])
    except (ValueError, TypeError, OSError, WeightsUnavailableError) as error:
        raise _stop(error) from error
    typer.echo(f"{out}: {len(pictures)} pictures, {out.stat().st_size / 1e6:.1f} MB")
