"""Writes docs/se-in-the-wild.md: what find_se finds in every architecture of timm and in torchvision's classifiers.

    python docs/scripts/se_in_the_wild.py

Networks are built on torch's meta device, without weights.
"""

from collections import Counter, defaultdict
from pathlib import Path

import timm
import torch
import torchvision
from tqdm.auto import tqdm

import effv2viz as ev
from effv2viz.probing.anatomy import qualified_name


def on_meta(build, name):
    """The network on the meta device; torchvision's RegNets compute their widths with tensors, so they need a real one."""
    try:
        with torch.device("meta"):
            return build(name)
    except NotImplementedError:
        return build(name)


def scan(library, names, build):
    found = defaultdict(dict)
    failed, without = {}, 0
    for name in tqdm(names, desc=library):
        try:
            model = on_meta(build, name)
            sites = ev.find_se(model)
        except Exception as error:
            failed[name] = f"{type(error).__name__}: {str(error).splitlines()[0][:100]}"
            continue
        without += not sites
        by_class = Counter((qualified_name(type(model.get_submodule(site.path))), site.kind) for site in sites)
        for key, count in by_class.items():
            found[key][name] = count
    return found, failed, without


def rows(library, found):
    for (cls, kind), networks in sorted(found.items(), key=lambda item: -len(item[1])):
        examples = sorted(networks.items(), key=lambda item: (len(item[0]), item[0]))[:3]
        shown = ", ".join(f"{name} {count}" for name, count in examples)
        sites = sum(networks.values())
        yield f"| {library} | `{cls}` | {kind} | {len(networks)} | {sites:,} | {shown} |"


def main():
    timm_names = timm.list_models()
    vision_names = torchvision.models.list_models(module=torchvision.models)
    scans = {
        f"timm {timm.__version__}": (timm_names, scan("timm", timm_names, lambda name: timm.create_model(name))),
        f"torchvision {torchvision.__version__.partition('+')[0]}": (
            vision_names,
            scan("torchvision", vision_names, torchvision.models.get_model),
        ),
    }
    lines = [
        "# SE in the wild",
        "",
        "What `find_se` finds in every architecture of timm and in torchvision's classifiers, on the meta device. Printed by",
        "`python docs/scripts/se_in_the_wild.py`. A class of kind `se-like` was recognised by its parts alone.",
        "",
        "| library | class | kind | architectures | sites in them | examples with their number of sites |",
        "|---|---|---|---|---|---|",
    ]
    for library, (_, (found, _, _)) in scans.items():
        lines += rows(library, found)
    lines.append("")
    for library, (names, (_, failed, without)) in scans.items():
        lines.append(f"{library}: {len(names)} architectures, {without} of them without SE, {len(failed)} not built.")
        lines += [f"- {name}: {reason}" for name, reason in failed.items()]
        lines.append("")
    Path(__file__).parents[1].joinpath("se-in-the-wild.md").write_text("\n".join(lines).rstrip() + "\n")


main()
