"""Images and what is done to them: no image in two splits, the same images for every H."""

import dataclasses
import itertools

import numpy as np
import pytest

from mbdl_repro.areas.image_restoration.physics import images
from mbdl_repro.areas.image_restoration.physics.degradation import blocks_of
from mbdl_repro.areas.image_restoration.physics.kernels import MOTION_SIDE, convolved, random_motion
from mbdl_repro.areas.image_restoration.scenario import Digits, Photographs

SPLITS = ("train", "validation", "test")
DEGRADATIONS = (
    "denoising",
    "deblurring",
    "blind_deblurring",
    "super_resolution",
    "compressed_sensing",
)


def photographs(degradation="denoising", **fields):
    return Photographs(**{"degradation": degradation, "noise_std": 0.01, **fields})


# --- splits ---


NAMES = [name for names in images.PHOTOGRAPHS.values() for name in names]
EVERYTHING = (*NAMES, *images.TEXTURES)


@pytest.mark.parametrize("seed", range(12))
def test_no_photograph_stands_in_two_splits_of_a_seed(seed):
    dealt = images.dealt(seed)
    assert set(dealt) == set(SPLITS)
    assert sorted(sum((dealt[split] for split in SPLITS), ())) == sorted(EVERYTHING)
    for names in images.PHOTOGRAPHS.values():
        assert len(set(names) & set(dealt["test"])) == 1
        assert len(set(names) & set(dealt["validation"])) == 1
    assert set(images.TEXTURES) < set(dealt["train"])


def test_no_two_photographs_show_the_same():
    thumbnails = [images._photograph(name)[:256:16, :256:16] for name in EVERYTHING]
    for a, b in itertools.combinations(thumbnails, 2):
        assert np.abs(a - b).max() > 0.1


@pytest.mark.parametrize("first", [0, 5, 10])
def test_five_seeds_test_and_validate_on_each_photograph_once(first):
    for split in ("test", "validation"):
        held_out = [name for seed in range(first, first + 5) for name in images.dealt(seed)[split]]
        assert sorted(held_out) == sorted(NAMES)


def test_photographs_are_dealt_anew_after_five_seeds():
    shares = [{images.dealt(first + i)["test"] for i in range(5)} for first in (0, 5, 10)]
    assert all(a != b for a, b in itertools.combinations(shares, 2))


def test_a_seed_always_deals_the_same():
    assert images.dealt(0)["test"] == ("camera", "motorcycle", "page")
    assert images.dealt(6)["test"] == ("coins", "flower.jpg", "moon")
    assert images.dealt(np.int64(6).item()) == images.dealt(6)


@pytest.mark.parametrize("seed", [0, 3, 7])
@pytest.mark.parametrize("split", SPLITS)
def test_a_split_is_drawn_from_the_photographs_that_its_seed_deals(split, seed, monkeypatch):
    """Each photograph is of one grey, which says where a crop is from."""
    grey = {name: (1 + i) / 32 for i, name in enumerate(EVERYTHING)}
    monkeypatch.setattr(images, "_photograph", lambda name: np.full((256, 256), grey[name]))
    crops = photographs("blind_deblurring", side=16, patch_side=16).draw(300, split, seed).s
    assert {crop[0, 0] for crop in crops} == {grey[name] for name in images.dealt(seed)[split]}


def test_a_stream_without_split_or_seed_is_of_the_first_seeds_test_images():
    truth = photographs(side=24, patch_side=24)
    crops = [*truth.draw(3, "metric").s, *truth.sample(3, np.random.default_rng(0)).s]
    for i, crop in enumerate(crops):
        assert places(crop, images.photographs("test", 0)[i % 3])


def test_no_digit_stands_in_two_splits():
    ranges = [range(*images.DIGITS[split]) for split in SPLITS]
    assert all(not set(a) & set(b) for a, b in itertools.combinations(ranges, 2))
    assert sum(map(len, ranges)) == 1797 == sum(len(images.digits(split)) for split in SPLITS)
    pools = [{image.tobytes() for image in images.digits(split)} for split in SPLITS]
    assert all(not a & b for a, b in itertools.combinations(pools, 2))


def places(crop, image):
    """Where a crop stands in an image: pairs of its first row and column."""
    side = len(crop)
    first = image[: image.shape[0] - side + 1, : image.shape[1] - side + 1] == crop[0, 0]
    return [
        (i, j)
        for i, j in np.argwhere(first)
        if np.array_equal(image[i : i + side, j : j + side], crop)
    ]


@pytest.mark.parametrize("split", ["validation", "test"])
def test_crops_go_through_the_photographs_of_their_split_in_turn(split):
    crops = photographs(side=24, patch_side=24).draw(9, split, 3).s
    pool = images.photographs(split, 3)
    for i, crop in enumerate(crops):
        assert places(crop, pool[i % len(pool)])


def test_patches_are_of_training_photographs_and_turned_in_eight_ways():
    crops = photographs(side=24, patch_side=24).draw(60, "train", 3).s
    ways, sources = set(), set()
    for crop in crops:
        turned = [np.rot90(m, k) for m in (crop, crop.T) for k in range(4)]
        found = [
            (way, source)
            for source, image in enumerate(images.photographs("train", 3))
            for way, candidate in enumerate(turned)
            if places(candidate, image)
        ]
        assert found
        if len(found) == 1:  # not of one grey, or of its own mirror image
            ways.add(found[0][0])
            sources.add(found[0][1])
    assert len(ways) == 8 and len(sources) > 6


def test_the_three_splits_of_digits_are_drawn_from_their_own():
    truth = Digits(degradation="denoising", noise_std=0.1)
    for split in SPLITS:
        pool = {image.tobytes() for image in images.digits(split)}
        rows = [image.tobytes() for image in truth.draw(len(pool), split, 0).s]
        assert set(rows) <= pool
    # The training split is drawn whole before any digit comes again.
    every = sorted(image.tobytes() for image in images.digits("train"))
    assert sorted(image.tobytes() for image in truth.draw(1197, "train", 5).s) == every


def test_images_are_read_only_and_between_black_and_white():
    for split in SPLITS:
        for image in (*images.photographs(split, 0), images.digits(split)):
            assert 0 <= image.min() < image.max() <= 1
            assert not image.flags.writeable
        assert all(min(image.shape) == images.SHORT_SIDE for image in images.photographs(split, 0))


# --- draws ---


@pytest.mark.parametrize("split", SPLITS)
def test_targets_are_the_same_whatever_is_done_to_them(split):
    drawn = [photographs(degradation).draw(4, split, 0).s for degradation in DEGRADATIONS]
    drawn.append(photographs(noise_std=0.3).draw(4, split, 0).s)
    drawn.append(photographs("compressed_sensing", ratio=0.1).draw(4, split, 0).s)
    assert all(np.array_equal(drawn[0], other) for other in drawn)
    assert not np.array_equal(drawn[0], photographs().draw(4, split, 1).s)


def test_a_split_is_the_beginning_of_a_larger_one():
    truth = photographs("deblurring", side=16, patch_side=16)
    few, many = truth.draw(5, "train", 0), truth.draw(20, "train", 0)
    assert np.array_equal(few.x, many.x[:5]) and np.array_equal(few.s, many.s[:5])


@pytest.mark.parametrize(
    ("truth", "validation", "train"),
    [
        (photographs(), (72, 72), (36, 36)),
        (photographs("blind_deblurring"), (72, 72), (36, 36)),
        (photographs("super_resolution"), (36, 36), (18, 18)),
        (photographs("super_resolution", factor=3), (24, 24), (12, 12)),
        (photographs("compressed_sensing", ratio=0.25), (2, 2, 324), (1, 1, 324)),
        (Digits(degradation="compressed_sensing", noise_std=0.1, ratio=0.5), (1, 1, 32), None),
    ],
)
def test_observations_have_the_shape_that_their_task_says(truth, validation, train):
    assert truth.draw(2, "validation", 0).x.shape == (2, *validation)
    assert truth.draw(2, "train", 0).x.shape == (2, *(train or validation))
    pixels = {True: 8, False: 72}[isinstance(truth, Digits)]
    assert truth.draw(2, "test", 0).s.shape == (2, pixels, pixels)


# --- what is not told ---


def test_a_motion_is_a_share_of_light_about_the_centre():
    rng = np.random.default_rng(0)
    kernels = np.array([random_motion(rng) for _ in range(500)])
    assert kernels.shape == (500, MOTION_SIDE, MOTION_SIDE)
    assert (kernels >= 0).all()
    np.testing.assert_allclose(kernels.sum((1, 2)), 1, rtol=1e-12)
    places = np.arange(MOTION_SIDE) - MOTION_SIDE // 2
    for axis in (1, 2):  # a line about the centre, up to the rounding of its ends
        np.testing.assert_allclose(kernels.sum(3 - axis) @ places, 0, atol=1e-12)
    variance = np.einsum("nij,ij->n", kernels, np.add.outer(places**2, places**2))
    # A uniform line of length l has variance l²/12; sharing among pixels adds at most ¼ a
    # direction, and 101 points for a line add l²/12 · 2 %.
    assert variance.min() > 3**2 / 12 and variance.max() < 8**2 / 12 * 1.02 + 0.5
    assert len({kernel.tobytes() for kernel in kernels}) == 500


def test_each_image_is_moved_by_another_kernel():
    truth = photographs("blind_deblurring", noise_std=0.0, side=32, patch_side=32)
    pairs = truth.draw(4, "test", 0)
    spectra = np.fft.fft2(pairs.x) / np.fft.fft2(pairs.s)
    kernels = np.fft.fftshift(np.fft.ifft2(spectra).real, axes=(1, 2))
    middle = slice(16 - MOTION_SIDE // 2, 16 + MOTION_SIDE // 2 + 1)
    inside = kernels[:, middle, middle]
    np.testing.assert_allclose(inside.sum((1, 2)), 1, atol=1e-6)
    for a, b in itertools.combinations(inside, 2):
        assert np.abs(a - b).max() > 0.01


# --- matrices ---


@pytest.mark.parametrize("law", ["orthonormal_rows", "gaussian"])
def test_fewer_measurements_are_the_first_of_more(law):
    few, more = (
        photographs("compressed_sensing", ratio=r, measurement_matrix=law) for r in (0.1, 0.25)
    )
    m = len(few.matrix)
    assert m == round(0.1 * 36**2) and len(more.matrix) == 324
    scale = np.sqrt(324 / m) if law == "gaussian" else 1.0
    np.testing.assert_allclose(few.matrix, scale * more.matrix[:m], atol=1e-12)


def test_matrices_are_of_the_law_that_they_are_said_to_be_of():
    Q = photographs("compressed_sensing", ratio=0.5).matrix
    np.testing.assert_allclose(Q @ Q.T, np.eye(len(Q)), atol=1e-12)
    A = photographs("compressed_sensing", ratio=0.5, measurement_matrix="gaussian").matrix
    assert abs(A.mean()) < 4 / np.sqrt(A.size * len(A))
    assert np.mean(A**2) * len(A) == pytest.approx(1, abs=4 * np.sqrt(2 / A.size))
    other = photographs("compressed_sensing", ratio=0.5, noise_std=0.3, side=36, patch_side=72)
    assert np.array_equal(other.matrix, Q)


def test_blocks_are_cut_row_by_row():
    s = np.arange(2 * 16 * 24.0).reshape(2, 16, 24)
    cut = blocks_of(s, 8)
    assert cut.shape == (2, 2, 3, 64)
    assert np.array_equal(cut[1, 1, 2].reshape(8, 8), s[1, 8:, 16:])


def test_convolution_is_periodic_and_turns_the_kernel():
    image, kernel = np.zeros((8, 8)), np.arange(9.0).reshape(3, 3)
    image[0, 7] = 1
    seen = convolved(image, kernel)
    np.testing.assert_array_equal(np.roll(seen, (1, 2), (0, 1))[:3, :3], kernel)


# --- errors ---


@pytest.mark.parametrize("ratio", [0.0, -0.1, 1.01])
def test_it_refuses_a_ratio_that_is_none(ratio):
    with pytest.raises(ValueError, match=rf"ratio is {ratio}: should be (greater|less) than"):
        photographs("compressed_sensing", ratio=ratio)


@pytest.mark.parametrize("name", ["side", "patch_side", "block_side"])
def test_it_refuses_images_that_are_tiny(name):
    with pytest.raises(ValueError, match=f"{name} is 7: should be greater than or equal to 8"):
        photographs(**{name: 7})


@pytest.mark.parametrize("name", ["side", "patch_side"])
def test_it_refuses_sides_that_do_not_fit(name):
    with pytest.raises(ValueError, match=f"^{name} is 40: .*multiple of factor, which is 3"):
        photographs("super_resolution", factor=3, **{name: 40})
    with pytest.raises(ValueError, match=f"^{name} is 40: .*multiple of block_side, which is 36"):
        photographs("compressed_sensing", **{name: 40})
    photographs("deblurring", **{name: 40})
    with pytest.raises(ValueError, match=f"^{name} is 257: photographs have a shorter side"):
        photographs(**{name: 257})
    with pytest.raises(ValueError, match=f"^{name} is 16: digits have 8 pixels"):
        Digits(degradation="denoising", noise_std=0.1, **{name: 16})


@pytest.mark.parametrize("field", ["degradation", "noise_std"])
def test_what_is_withheld_is_not_told(field):
    belief = photographs("deblurring").believed(**{field: None})
    with pytest.raises(ValueError, match=f"^{field} is asked for, and is withheld"):
        belief.required(field)
    other = {"degradation": "noise_std", "noise_std": "degradation"}[field]
    assert belief.required(other) == getattr(photographs("deblurring"), other)
    with pytest.raises(ValueError, match=f"{field} is asked for"):
        belief.sample(1, np.random.default_rng(0))


def test_what_is_withheld_of_the_degradation_hides_the_kernel():
    belief = photographs("deblurring").believed(degradation=None)
    for name in ("kernel", "decimation"):
        with pytest.raises(ValueError, match="degradation is asked for"):
            getattr(belief, name)


def test_a_kernel_is_that_of_its_blur():
    kernel = photographs("deblurring", blur_std=1.6).kernel
    assert kernel.sum() == pytest.approx(1)
    assert np.array_equal(kernel, kernel.T) and np.array_equal(kernel, kernel[::-1])
    places = np.arange(len(kernel)) - len(kernel) // 2
    # Cut at three standard deviations: 2.7 % of the variance stand beyond.
    assert kernel.sum(0) @ places**2 == pytest.approx(1.6**2, rel=0.03)
    assert photographs("denoising").kernel.tolist() == [[1.0]]
    assert dataclasses.replace(photographs("deblurring"), degradation="denoising").decimation == 1


# --- what data were drawn from ---

LOOKS = {
    "brick": ((256, 256), 0.437078, 0.096509),
    "chelsea": ((256, 385), 0.460243, 0.124530),
    "china.jpg": ((256, 384), 0.568603, 0.319532),
    "coins": ((256, 324), 0.379881, 0.203468),
    "grass": ((256, 256), 0.463621, 0.124421),
    "gravel": ((256, 256), 0.496254, 0.137026),
    "hubble_deep_field": ((256, 294), 0.076408, 0.089216),
    "immunohistochemistry": ((256, 256), 0.636637, 0.184445),
    "moon": ((256, 256), 0.439881, 0.051531),
    "page": ((256, 515), 0.672618, 0.212519),
    "retina": ((256, 256), 0.324176, 0.187418),
    "rocket": ((256, 384), 0.238828, 0.117366),
    "text": ((256, 667), 0.506913, 0.086453),
    "astronaut": ((256, 256), 0.441955, 0.291633),
    "flower.jpg": ((256, 384), 0.268493, 0.196599),
    "camera": ((256, 256), 0.506122, 0.285549),
    "motorcycle": ((256, 379), 0.418410, 0.222394),
    "coffee": ((256, 384), 0.387381, 0.228556),
}
"""Size, mean and standard deviation of each photograph, as our results were made with them."""


def test_images_stay_what_they_were():
    """They come with other packages: after a change there, results are of other images."""
    assert sorted(LOOKS) == sorted(EVERYTHING)
    for name, (shape, mean, std) in LOOKS.items():
        image = images._photograph(name)
        assert image.shape == shape
        assert image.mean() == pytest.approx(mean, abs=1e-6)
        assert image.std() == pytest.approx(std, abs=1e-6)
    assert [images.digits(split).sum() for split in images.DIGITS] == [23466.0, 5772.0, 5869.375]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"degradation": "sharpening"}, "degradation is 'sharpening': allowed: blind_deblurring"),
        ({"measurement_matrix": "sparse"}, "measurement_matrix is 'sparse': allowed: gaussian"),
        ({"noise_std": -1.0}, "noise_std is -1.0: should be greater than or equal to 0"),
        ({"blur_std": 0.0}, "blur_std is 0.0: should be greater than or equal to 0.001"),
        ({"factor": 1}, "factor is 1: should be greater than or equal to 2"),
    ],
)
def test_a_field_that_makes_no_sense_is_refused_by_name(changes, words):
    with pytest.raises(ValueError, match=words):
        Photographs(**{"degradation": "denoising", "noise_std": 0.1} | changes)


def test_only_compressed_sensing_has_a_matrix():
    with pytest.raises(ValueError, match="degradation is deblurring: only compressed_sensing"):
        _ = Photographs(degradation="deblurring", noise_std=0.1).matrix
