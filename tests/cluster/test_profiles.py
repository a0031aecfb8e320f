"""The profile for clusters, as far as it can be checked without one."""

from pathlib import Path

import yaml

PROFILES = Path(__file__).parents[2] / "profiles"


def settings(profile: str) -> set[str]:
    return set(yaml.safe_load((PROFILES / profile / "config.yaml").read_text(encoding="utf-8")))


def test_no_profile_says_what_the_default_one_says() -> None:
    """Snakemake reads the default profile last, so what another says of the same is in vain."""
    assert not settings("slurm") & settings("default")
