"""What no estimate of angles can beat, and other errors to compare with.

Cramér–Rao bounds bind unbiased estimators: references, which an estimator may pass that makes use
of how angles are distributed, or of what is known of the waveforms. Floors bind all.
"""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np

from mbdl_repro.areas.doa.array import SensorArray
from mbdl_repro.areas.doa.metrics import GUESSED, mspe, rmspe
from mbdl_repro.areas.doa.scenario import Narrowband
from mbdl_repro.areas.doa.systems.look import Look
from mbdl_repro.areas.doa.theory import fisher
from mbdl_repro.areas.doa.theory.genie_aided import least_errors
from mbdl_repro.areas.doa.theory.performance import music_covariance
from mbdl_repro.contract.measure import bound
from mbdl_repro.contract.scenario import Split
from mbdl_repro.contract.seeding import rng_for

# --- looks ---

N_LOOKS = 20_000
"""Looks over whose senders the errors of those who are told of them are averaged."""


@bound(metrics=("look_error",), kind="reference", label="MVDR that is told of all others")
def told_mvdr(truth: Look) -> float:
    """Return the mean error of the best distortionless weights of each look: of q = 1 / (1ᵀR⁻¹1).

    R = σ² I + Σ_k P_k a(u_k) a(u_k)ᴴ; no rule that is linear in a snapshot and leaves
    the target as it is has less. A mean over 20 000 looks that are drawn for it.

    Args:
        truth: of looks.

    Source: Capon, 1969.
    """
    return float(_least_powers(truth)[1].mean())


@bound(metrics=("look_error",), kind="floor", label="told of all senders and powers")
def told_all(truth: Look) -> float:
    """Return the least mean error of one who is told all powers and directions of each look.

    E[P q / (P + q)],  q = 1 / (1ᵀR⁻¹1): given those, all is Gaussian, and the mean of s is linear

    Args:
        truth: of looks.

    Source: textbook.
    """
    target, q = _least_powers(truth)
    return float((target * q / (target + q)).mean())


def _least_powers(truth: Look) -> tuple[np.ndarray, np.ndarray]:
    """Return P and q of many looks (n,)."""
    target, powers, A = truth.senders(N_LOOKS, rng_for("bound", *truth.identity(), "senders"))
    R = (A * powers[:, None]) @ A.conj().swapaxes(1, 2)
    R += truth.noise_std**2 * np.eye(truth.n_sensors)
    return target, 1 / np.linalg.solve(R, np.ones((truth.n_sensors, 1))).sum((1, 2)).real


# --- Cramér–Rao ---


@bound(metrics=("mspe", "mspe_db"), kind="reference", label="Cramér–Rao bound (stochastic)")
def stochastic_crb_mspe(truth: SensorArray) -> float:
    """Return the mean over sources of the Cramér–Rao bound on angles of CN(0, P) waveforms.

    At fixed angles it is the bound there; at random angles the mean of the bound, which exists
    only where they keep away from ±90°: it grows as 1/cos² θ.

    Raises:
        ValueError: if angles are random up to ±90°, or are not told apart, or the array has
            errors, or sources are not narrowband.
    """
    return _mean_over_law(truth, fisher.stochastic_crb)


@bound(metrics=("mspe", "mspe_db"), kind="reference", label="Cramér–Rao bound (deterministic)")
def deterministic_crb_mspe(truth: SensorArray) -> float:
    """Return the mean over sources of the Cramér–Rao bound where waveforms are unknown numbers.

    They are taken to have the covariance P with which they are drawn; for few snapshots, that
    of a trial is another one. Angles are as in :func:`stochastic_crb_mspe`.

    Raises:
        ValueError: as :func:`stochastic_crb_mspe`.
    """
    return _mean_over_law(truth, fisher.deterministic_crb)


@bound(metrics=("mspe", "mspe_db"), kind="reference", label="Cramér–Rao bound (shared waveform)")
def shared_waveform_crb_mspe(truth: SensorArray) -> float:
    """Return the mean Cramér–Rao bound for whom knows that all sources send one waveform.

    Angles are as in :func:`stochastic_crb_mspe`.

    Raises:
        ValueError: as :func:`stochastic_crb_mspe`, and if sources are not coherent, or do not
            arrive with equal phases.
    """
    return _mean_over_law(_sharing(truth), _shared)


@bound(
    metrics=("median_rmspe",),
    kind="reference",
    label="Cramér–Rao bound (stochastic), of each trial",
)
def stochastic_crb_median(truth: SensorArray, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return √(mean over sources of the stochastic bound) of each trial (n,), in rad.

    Its mean does not exist, as angles come near ±90°; its median does. The median RMSPE of an
    efficient estimator is lower: by √(median of χ²_M / M), 17 % for two sources and 7 % for five,
    if all are found equally well, and by a quarter or more where one of them is near ±90°.

    Args:
        truth: a narrowband array without errors.
        test: the test trials, of which only the angles s (n, M), in rad, are read.

    Raises:
        ValueError: if the array has errors, or sources are not narrowband.
    """
    return _of_each_trial(_variances(truth, test.s, fisher.stochastic_crb))


@bound(metrics=("median_rmspe",), kind="reference", label="Cramér–Rao bound (shared waveform)")
def shared_waveform_crb_median(truth: SensorArray, test: Split) -> Annotated[np.ndarray, "(n,)"]:
    """Return √(mean of the bound for who knows that the waveform is shared) of each trial (n,).

    Args:
        truth: a narrowband array without errors, of coherent sources with equal phases.
        test: the test trials, of which only the angles s (n, M), in rad, are read.

    Returns:
        (n,), in rad.

    Raises:
        ValueError: as :func:`shared_waveform_crb_mspe`, except that angles may be any.
    """
    return _of_each_trial(_variances(_sharing(truth), test.s, _shared))


def _of_each_trial(variances: np.ndarray) -> np.ndarray:
    """Return the root mean over sources, none of which counts more than if it is guessed.

    Where two sources, one at each end, share a beam, the bound is infinite.
    """
    return np.asarray(np.sqrt(np.minimum(variances, GUESSED).mean(1)))


# --- theory of a method ---


@bound(metrics=("mspe", "mspe_db"), kind="theory", label="MUSIC, limit of many snapshots")
def music_mspe(truth: SensorArray) -> float:
    """Return the mean squared error of MUSIC and Root-MUSIC, in the limit of many snapshots.

    Angles are as in :func:`stochastic_crb_mspe`.

    Raises:
        ValueError: as :func:`stochastic_crb_mspe`, and if sources are coherent, where MUSIC
            fails and its error has no such limit.
    """
    return _mean_over_law(truth, music_covariance)


# --- floors ---


@bound(metrics=("mspe", "mspe_db"), kind="floor", label="genie: all about the other sources")
def told_the_rest_mspe(truth: SensorArray) -> float:
    """Return the genie-aided least mean squared error of an angle: all other sources are known.

    The mean variance of the angle, given the snapshots, all other angles and waveforms, the
    phases, and the errors of the array. Nobody who gives M angles has less: of unbiased
    estimators and of others, with any law of the waveforms. It has a standard error of 2 %, and
    random numbers that are the same for all scenarios. See
    :mod:`mbdl_repro.areas.doa.theory.genie_aided`.

    Raises:
        ValueError: if angles are fixed, or sources are not narrowband.
    """
    return least_errors(_narrowband(truth)).square


@bound(metrics=("rmspe",), kind="floor", label="genie: all about the other sources")
def told_the_rest_rmspe(truth: SensorArray) -> float:
    """Return the genie-aided least RMSPE, in rad: for each angle, all other sources are known.

    As :func:`told_the_rest_mspe`, from the mean absolute deviation of each angle.

    Raises:
        ValueError: as :func:`told_the_rest_mspe`.
    """
    return least_errors(_narrowband(truth)).root


# --- without data ---

N_GUESSES = 50_000
"""Pairs of angles and guesses; the mean error of guessing varies by 0.2 %."""


@bound(metrics=("rmspe",), kind="reference", label="guessing")
def guess_rmspe(truth: SensorArray) -> float:
    """Return the mean error of angles that are drawn as the true ones are, without a look at x.

    An estimator that has failed is no better; it is worse than guessing cleverly.
    """
    return float(_guessed(truth, rmspe))


@bound(metrics=("mspe", "mspe_db"), kind="reference", label="guessing")
def guess_mspe(truth: SensorArray) -> float:
    """Return the mean squared error of angles that are drawn as the true ones are."""
    return float(_guessed(truth, mspe))


def _guessed(truth: SensorArray, metric: Any) -> float:
    rng = rng_for("guess")
    guess, s = truth.angles(N_GUESSES, rng), truth.angles(N_GUESSES, rng)
    return float(metric(guess, Split(x=None, s=s), truth).mean())


# --- of which truth ---

N_DRAWS = 20_000
"""Sets of angles over which Cramér–Rao bounds are averaged, where they are random."""


def _mean_over_law(truth: SensorArray, matrix: Any) -> float:
    """Return the mean over angles and sources of the diagonal of a bound."""
    if truth.angles_deg is None and truth.max_angle_deg == 90:
        raise ValueError(
            "angles are random up to ±90 degrees (angles_deg is null), over which the bound has "
            "no mean: give angles_deg, or a smaller max_angle_deg, or take the median"
        )
    rng = rng_for("angles", "crb")
    fixed = truth.angles_deg is not None and _known_phases(truth)
    mean = float(_variances(truth, truth.angles(1 if fixed else N_DRAWS, rng), matrix).mean())
    if not np.isfinite(mean):
        raise ValueError(
            "the bound is infinite: there are angles that this array does not tell apart; leave "
            "it out, or take the median"
        )
    return mean


def _known_phases(truth: SensorArray) -> bool:
    """Say whether the phases with which sources arrive are the same always, or do not matter."""
    return truth.path_phases == "equal" or not truth.correlation


def _variances(truth: SensorArray, s: np.ndarray, matrix: Any) -> np.ndarray:
    """Return the diagonals (n, M) of a bound at angles s (n, M)."""
    array = _narrowband(truth)
    if array.spacing_error or array.steering_noise_variance:
        raise ValueError(
            "spacing_error or steering_noise_variance is not 0, and this bound is of an array "
            "that is known: leave it out"
        )
    P = array.source_covariance()
    if not _known_phases(array):
        phase = array.phases(len(s), rng_for("phases", "crb"))
        P = phase * P * phase.conj().swapaxes(-1, -2)
    known = fisher.Reception(array.noise_std**2, array.n_snapshots, array.positions, array.gains)
    return np.asarray(matrix(s, P, known).diagonal(axis1=-2, axis2=-1))


def _shared(s: np.ndarray, P: np.ndarray, known: fisher.Reception) -> np.ndarray:
    return fisher.shared_waveform_crb(s, known)


def _sharing(truth: SensorArray) -> SensorArray:
    """Return the truth, if all its sources send one waveform, and arrive with equal phases."""
    if truth.correlation < 1 or truth.path_phases != "equal":
        raise ValueError(
            f"correlation is {truth.correlation:g}, and path_phases are {truth.path_phases}: only "
            "with 1 and equal do sources share a waveform"
        )
    return truth


def _narrowband(truth: SensorArray) -> Narrowband:
    if not isinstance(truth, Narrowband):
        raise ValueError(
            f"it is of narrowband sources, and the scenario is {type(truth).__name__}: leave it out"
        )
    return truth
