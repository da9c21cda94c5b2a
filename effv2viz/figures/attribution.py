"""Pictures of attributions: maps on one symmetric scale, alone or over the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

# Blue and vermillion of Okabe and Ito, dark towards the ends, so that the two sides differ in hue and not in lightness.
MISSING = "#4d4d4d"
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#00304d", "#0072B2", "#ffffff", "#D55E00", "#5c2900"]
).with_extremes(bad=MISSING)
CELL = 1.9  # inches


def symmetric_limit(maps: Sequence[np.ndarray], percentile: float = 100.0) -> float:
    """The end of a scale around zero that fits all maps.

    Args:
        maps: of any shape. NaN is left out.
        percentile: of the absolute values that the scale reaches; below 100, what is beyond gets the last colour.

    Returns:
        A number above zero: 1 where all maps are zero or NaN.

    Raises:
        ValueError: if a map holds infinite numbers, or the percentile is none.
    """
    if not 0 < percentile <= 100:
        raise ValueError(f"percentile={percentile}: use a number above 0, up to 100")
    sizes = [np.abs(np.asarray(one, dtype=np.float64)).ravel() for one in maps]
    values = np.concatenate(sizes) if sizes else np.zeros(0)
    values = values[~np.isnan(values)]
    if np.isinf(values).any():
        raise ValueError(f"the maps hold {int(np.isinf(values).sum())} infinite numbers")
    if not values.any():
        return 1.0
    # A percentile of zero, in a map that is zero nearly everywhere, would leave no scale.
    return float(np.percentile(values, percentile)) or float(values.max())


def signed_colours(values: np.ndarray, limit: float, picture: np.ndarray | None = None) -> np.ndarray:
    """A map in colours.

    Args:
        values: (H, W): blue below zero, white at zero, orange above, dark grey where NaN.
        limit: the end of the scale.
        picture: (H, W, 3) in [0, 1]: is seen in grey where the map is near zero, and not where it is far from it.

    Returns:
        (H, W, 3) in [0, 1].

    Raises:
        ValueError: for a map that is not (H, W), or a picture of another size.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2:
        raise ValueError(f"a map has shape {values.shape}: use (H, W), such as one of attribution.per_pixel()")
    colours = SIGNED(Normalize(-limit, limit)(np.ma.masked_invalid(values)))[..., :3]
    if picture is None:
        return colours
    picture = _checked_picture(picture, values.shape)
    grey = 0.65 + 0.35 * picture @ np.array([0.299, 0.587, 0.114])  # pale, so that colours stand out
    strength = np.where(np.isnan(values), 1.0, np.minimum(np.abs(values) / limit, 1.0))[..., None] ** 0.5
    return strength * colours + (1 - strength) * grey[..., None]


def draw_signed_map(axes: Axes, values: np.ndarray, *, limit: float, picture: np.ndarray | None = None) -> None:
    """Draws what ``signed_colours`` makes, without ticks."""
    axes.imshow(signed_colours(values, limit, picture), interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])


def attribution_figure(
    pictures: np.ndarray,
    maps: Mapping[str, np.ndarray],
    *,
    captions: Sequence[str] = (),
    unit: str = "attribution",
    overlay: bool = False,
    shared: bool = True,
    percentile: float = 99.5,
) -> Figure:
    """A row for each picture, a column for each attribution, colour bars with numbers.

    Args:
        pictures: (N, H, W, 3) in [0, 1], what the network sees: ``preprocessing.denormalize(images)``, channels last.
        maps: from the heading of a column to its maps (N, H, W).
        captions: under the pictures.
        unit: of the numbers, for the colour bar.
        overlay: draw the maps over the pictures.
        shared: one scale for all maps. False: one for each column, for methods whose numbers have different units.
        percentile: of the absolute values that a scale reaches. The bar has arrows where something is beyond.

    Raises:
        ValueError: if shapes or numbers of pictures, maps and captions do not agree.
    """
    pictures = np.asarray(pictures)
    columns = {heading: np.asarray(values) for heading, values in maps.items()}
    _check(pictures, columns, captions)
    count = len(pictures)
    groups = [list(columns)] if shared else [[heading] for heading in columns]
    limits = {
        heading: symmetric_limit([columns[h] for h in group], percentile) for group in groups for heading in group
    }
    height = (CELL + 0.25) * count + 0.75
    figure = Figure(figsize=(CELL * (1 + len(columns)), height), layout="constrained")
    grid = figure.add_gridspec(count + 1, 1 + len(columns), height_ratios=[CELL] * count + [0.1])
    for row, picture in enumerate(pictures):
        first = figure.add_subplot(grid[row, 0])
        first.imshow(picture, interpolation="nearest")
        first.set(xticks=[], yticks=[])
        if captions:
            first.set_xlabel(captions[row], fontsize=9)
        if row == 0:
            first.set_title("what the network sees", fontsize=9)
        for column, (heading, values) in enumerate(columns.items(), start=1):
            axes = figure.add_subplot(grid[row, column])
            draw_signed_map(axes, values[row], limit=limits[heading], picture=picture if overlay else None)
            if row == 0:
                axes.set_title(heading, fontsize=9)
    for place, group in enumerate(groups, start=1):
        beyond = any(bool((np.abs(columns[heading]) > limits[group[0]]).any()) for heading in group)
        cells = grid[count, 1:] if shared else grid[count, place]
        _draw_bar(figure, figure.add_subplot(cells), limits[group[0]], beyond)
    scale = "one scale for all maps" if shared else "a scale for each column"
    missing = any(np.isnan(values).any() for values in columns.values())
    note = "; dark grey: no number (NaN)" if missing else ""
    figure.supxlabel(f"{unit}, {scale}\nblue speaks against, orange for{note}", fontsize=9)
    return figure


def _draw_bar(figure: Figure, axes: Axes, limit: float, beyond: bool) -> None:
    bar = figure.colorbar(
        ScalarMappable(Normalize(-limit, limit), SIGNED),
        cax=axes,
        orientation="horizontal",
        extend="both" if beyond else "neither",
        ticks=[-limit, 0, limit],
        format=lambda value, _: f"{value:+.2g}" if value else "0",
    )
    bar.ax.tick_params(labelsize=8)


def _check(pictures: np.ndarray, columns: Mapping[str, np.ndarray], captions: Sequence[str]) -> None:
    if pictures.ndim != 4 or pictures.shape[-1] != 3:
        raise ValueError(f"pictures have shape {pictures.shape}: use (N, H, W, 3)")
    if not columns:
        raise ValueError("there are no maps to draw")
    for heading, values in columns.items():
        if values.shape != pictures.shape[:3]:
            raise ValueError(f"the maps {heading!r} have shape {values.shape}, and the pictures {pictures.shape}")
    if captions and len(captions) != len(pictures):
        raise ValueError(f"there are {len(captions)} captions for {len(pictures)} pictures")


def _checked_picture(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if picture.shape != (*shape, 3):
        raise ValueError(f"the picture has shape {picture.shape}, and the map {shape}")
    return np.asarray(picture, dtype=np.float64)
