"""The cue task: its pictures depend on seed and number alone, and its labels and masks say what was drawn."""

import numpy as np
import pytest

from effv2viz.datasets import cue

PICTURES = cue.generate(1600, 3, difficulty=0.0)
FIELDS = ("images", "labels", "cues", "shapes", "textures", "masks")


@pytest.mark.parametrize("n", [1, 31, 1025])  # in one chunk of drawing, and beyond
def test_a_picture_does_not_depend_on_how_many_are_drawn(n):
    few, many = cue.generate(n, 7), cue.generate(n + 200, 7)
    for name in FIELDS:
        assert np.array_equal(getattr(few, name), getattr(many, name)[:n]), name


def test_seeds_give_other_pictures():
    a, b = cue.generate(64, 0), cue.generate(64, 1)
    assert not any(np.array_equal(x, y) for x in a.images for y in b.images)


def test_the_cue_says_which_number_is_the_label_and_all_combinations_are_equally_frequent():
    p = PICTURES
    expected = [shape if c == 0 else texture for c, shape, texture in zip(p.cues, p.shapes, p.textures, strict=True)]
    assert p.labels.tolist() == expected
    combinations = np.stack([p.cues, p.shapes, p.textures])
    assert set(np.unique(combinations, axis=1, return_counts=True)[1]) == {1600 // 32}
    assert set(np.bincount(p.labels)) == {400}


def test_masks_are_what_differs_from_the_ground():
    p = PICTURES
    shape, marker = p.masks[:, 0], p.masks[:, 1]
    assert not (shape & marker).any()
    for picture, covered in zip(p.images, shape | marker, strict=True):
        ground = picture[~covered]
        assert (ground == ground[0]).all()
        assert (np.abs(picture[covered].astype(int) - ground[0]).max(1) > 20).all()
    inner = np.s_[:, 12:-12, 12:-12]
    assert not marker[inner].any()  # the marker lies near the border
    where = np.indices((48, 48))
    centres = [[(m * w).sum((1, 2)) / m.sum((1, 2)) for w in where] for m in (shape, marker)]
    assert np.hypot(*(np.array(centres[0]) - centres[1])).min() > 24  # the shape is far away


def test_the_marker_is_warm_for_the_shape_and_cool_for_the_texture():
    p = PICTURES
    red, _, blue = (
        np.array([i[m].mean() for i, m in zip(p.images[..., c], p.masks[:, 1], strict=True)]) for c in range(3)
    )
    assert ((red > blue) == (p.cues == 0)).all()


def test_shapes_are_told_by_their_outline_and_not_by_their_area():
    p = PICTURES
    area = np.array([p.masks[p.shapes == kind, 0].sum((1, 2)).mean() for kind in range(4)])
    assert area.max() / area.min() < 1.03
    extent = []
    for kind in range(4):
        mask = p.masks[p.shapes == kind, 0]
        y, x = np.indices(mask.shape[1:])
        centre = [(m * y).sum() / m.sum() for m in mask], [(m * x).sum() / m.sum() for m in mask]
        spread = [
            ((m * ((y - cy) ** 2 + (x - cx) ** 2)).sum() / m.sum()) for m, cy, cx in zip(mask, *centre, strict=True)
        ]
        extent.append(np.mean(np.array(spread) / mask.sum((1, 2))))
    # Second moments over area, from geometry: disc 1 / 2 pi, square 1 / 6, triangle 1 / 3 sqrt 3.
    assert extent[:3] == pytest.approx([1 / (2 * np.pi), 1 / 6, 1 / (3 * np.sqrt(3))], rel=0.02)
    assert extent[1] < extent[3] < extent[2] * 1.1


def test_textures_run_as_they_are_called():
    p = PICTURES
    for kind in range(4):
        some = p.textures == kind
        images, inside = p.images[some].mean(-1), p.masks[some, 0]
        along_x = inside[:, :, 1:] & inside[:, :, :-1]
        along_y = inside[:, 1:] & inside[:, :-1]
        change_x = np.abs(np.diff(images, axis=2))[along_x].mean()
        change_y = np.abs(np.diff(images, axis=1))[along_y].mean()
        falling = inside[:, 1:, :-1] & inside[:, :-1, 1:]  # along the stripes of the third texture
        change_falling = np.abs(images[:, 1:, :-1] - images[:, :-1, 1:])[falling].mean()
        assert (change_x == 0, change_y == 0) == (kind == 0, kind == 1)
        assert (change_falling < 0.2 * change_x) == (kind == 2)


@pytest.mark.parametrize("difficulty", [0.0, 1.0])
def test_the_twin_differs_in_the_markers_colour_alone(difficulty):
    p = cue.generate(64, 5, difficulty=difficulty)
    twin = cue.flip_cue(p)
    differs = (p.images != twin.images).any(-1)
    assert not (differs & ~p.masks[:, 1]).any()
    assert differs.any((1, 2)).all()
    assert (twin.cues == 1 - p.cues).all()
    assert (twin.labels == np.where(p.cues == 1, p.shapes, p.textures)).all()
    for name in ("shapes", "textures", "masks"):
        assert np.array_equal(getattr(twin, name), getattr(p, name))
    again = cue.flip_cue(twin)
    assert all(np.array_equal(getattr(again, name), getattr(p, name)) for name in FIELDS)


def test_difficulty_adds_noise_and_takes_colour():
    easy, hard = cue.generate(32, 2, difficulty=0), cue.generate(32, 2, difficulty=1)
    ground = ~easy.masks.any(1)
    noise = hard.images[ground].astype(float) - easy.images[ground]
    assert noise.std() == pytest.approx(51, abs=2)  # 0.2 of 255
    assert np.array_equal(easy.masks, hard.masks)


def test_some_of_the_pictures_can_be_taken():
    p = PICTURES[PICTURES.cues == 1]
    assert len(p) == 800
    assert (p.labels == p.textures).all()
    assert PICTURES[3].images.shape == (1, 48, 48, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0, "seed": 0}, "n=0: draw at least one"),
        ({"n": 1, "seed": -1}, "seed=-1: use 0 or"),
        ({"n": 1, "seed": 0, "size": 31}, "size=31 leaves no room"),
        ({"n": 1, "seed": 0, "difficulty": 1.5}, r"difficulty=1\.5: use a number from 0"),
        ({"n": 1, "seed": 0, "difficulty": float("nan")}, "difficulty=nan"),
    ],
)
def test_what_makes_no_picture_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        cue.generate(**arguments)
