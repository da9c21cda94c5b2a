"""The report: pictures seen through a network's gates, on one page to send around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from effv2viz.attribution import attribute_gates
from effv2viz.widgets.class_gates import ClassGates
from effv2viz.widgets.experiment import Experiment
from effv2viz.widgets.explorer import GateExplorer
from effv2viz.widgets.html_host import Link, Section, write_page
from effv2viz.widgets.network_strip import NetworkStrip

EXACT_TOP = 30  # gates of each picture whose exact ablation stands beside their attribution


def write_report(path: str | Path, model: nn.Module, images: Tensor, labels: Sequence[str] | None = None) -> None:
    """Writes a page with the network's blocks, the gates of every picture, and gates by class where these are known.

    Where gate statistics ship with the network's weights, the gates of each picture stand beside their attribution to
    the predicted class (first order, against the mean gates) and the exact ablation of the strongest ones. What is
    chosen in the network is shown for every picture. The page needs no kernel and no network.

    Args:
        path: of the .html file.
        model: any network that ``find_se`` finds sites in.
        images: (N, 3, H, W), as ``load_images`` makes them.
        labels: what each picture shows.

    Raises:
        ValueError: for a network without SE, another ending, labels that do not match, or pictures that cannot be used.
    """
    if Path(path).suffix.lower() != ".html":
        raise ValueError(f"cannot write a report as {Path(path).name!r}: end the name in .html")
    experiment = Experiment(model, images, labels, maps=True)
    columns = _attributions(experiment)
    strip = NetworkStrip(model)
    sections: list[Section] = [(strip.heading(), strip.front_ends())]
    links: list[Link] = []
    for i, label in enumerate(experiment.labels):
        own = {key: {site: rows[i] for site, rows in by_site.items()} for key, by_site in columns.items()}
        view = GateExplorer(
            model, experiment.images[i : i + 1], labels=[label], statistics=experiment.statistics, columns=own
        )
        (front,) = view.front_ends()
        front.title = f"gates of picture {i + 1}"
        sections.append((f"Picture {i + 1}{f': {label}' if label else ''}", [front]))
        links.append(((strip.front_ends()[0], "site"), (front, "row")))
    if experiment.statistics is not None:
        classes = ClassGates(experiment.statistics, classes=experiment.classes)
        classes.site = list(experiment.sites)[-1]
        sections.append((classes.heading(), classes.front_ends()))
    name = getattr(model, "name", None) or type(model).__name__
    weights = getattr(getattr(model, "weights", None), "name", None)
    lead = (
        f"{len(experiment.labels)} {'picture' if len(experiment.labels) == 1 else 'pictures'} seen by {name}"
        f"{f' with the weights {weights}' if weights else ''}. A large gate is not an important gate: "
        + (
            "sort by attribution or exact ablation to see what a gate does to the predicted class, compared with its "
            f"mean over the training set. Exact ablation is known for the {EXACT_TOP} strongest gates of a picture."
            if columns
            else "no gate statistics ship with these weights, so nothing here says what a gate does to the answer."
        )
    )
    write_page(path, f"SE gates of {name}", sections, lead=lead, links=links)


def _attributions(experiment: Experiment) -> Mapping[str, Mapping[str, Tensor]]:
    """The attribution of every gate and the exact ablation of the strongest, by site: (N, C)."""
    if experiment.statistics is None:
        return {}
    found = attribute_gates(
        experiment.model, experiment.images, baseline=experiment.statistics, exact_top=EXACT_TOP, effect="total"
    )
    assert found.exact is not None
    return {"attribution": dict(found), "exact ablation": found.exact}
