"""Names that are not there are answered with those that are near, and cut ones are understood."""

import pytest

from mbdl_repro.errors import UserError, meant, named, nearest, one_of

NAMES = [
    "3.05_kalman_filter",
    "3.06_ista",
    "5.01_linear_estimation",
    "5.06_lista",
    "5.10_subspacenet",
    "5.4_convergence",
    "continuum_doa",
    "continuum_images",
    "tracking_kalmannet",
]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("5.06_lista", "5.06_lista"),
        ("5.06", "5.06_lista"),
        ("5.6", "5.06_lista"),
        ("LISTA", "5.06_lista"),
        ("5.06_Lista", "5.06_lista"),
        ("5.1", "5.01_linear_estimation"),  # and not 5.10
        ("5.10", "5.10_subspacenet"),
        ("continuum_d", "continuum_doa"),
        ("continuum", None),  # one of two
        ("5", None),
        ("kalmanet", None),  # near, but not it
        ("", None),
    ],
)
def test_a_name_may_be_cut_short_if_one_alone_is_meant(given, name):
    assert meant(given, NAMES) == name


@pytest.mark.parametrize(
    ("given", "first", "count"),
    [
        ("kalmanet", "tracking_kalmannet", 2),
        ("KALMANNET", "tracking_kalmannet", 2),
        ("continuum", "continuum_doa", 2),
        ("list", "5.06_lista", 2),
        ("5.6_ista", "5.06_lista", 2),
    ],
)
def test_the_nearest_names_come_first_and_are_three_at_most(given, first, count):
    found = nearest(given, NAMES)
    assert (found[0], len(found)) == (first, count)


def test_what_is_like_nothing_is_near_to_nothing():
    assert nearest("zzzz", NAMES) == []
    assert one_of("zzzz", NAMES[:2]) == "allowed: 3.05_kalman_filter, 3.06_ista"


def test_a_command_stands_in_place_of_a_long_list():
    many = [f"name_{i}" for i in range(40)]
    assert one_of("zz", many, "mbdl examples") == "`mbdl examples` lists them"
    assert one_of("zz", many[:2], "mbdl examples") == "allowed: name_0, name_1"
    with pytest.raises(UserError, match="no method 'name'; did you mean name_0, name_1 or name_2"):
        named("name", many, "method", "mbdl methods")
