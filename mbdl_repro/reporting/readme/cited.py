"""The systems that the monograph cites: each with its methods, its experiment and its verdicts."""

from __future__ import annotations

import dataclasses

from mbdl_repro.experiments.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Cited:
    """A reference of the monograph, and where it is put to the test."""

    number: int
    """In the monograph's list of references."""
    system: str
    who: str
    experiment: str
    """Where to look first."""
    methods: tuple[str, ...]
    """Those of that experiment which stand for it, by their names."""

    def labels(self, experiment: Experiment) -> set[str]:
        """Return what its methods are called in an experiment."""
        entries = experiment.methods.items()
        return {label for label, entry in entries if entry.info.name in self.methods}


def _cited(number: int, system: str, who: str, experiment: str, *methods: str) -> Cited:
    return Cited(number, system, who, experiment, methods)


CITED = (
    _cited(1, "MoDL", "Aggarwal, Mani and Jacob", "5.4_learned_regularizer", "modl"),
    _cited(
        3,
        "plug-and-play",
        "Ahmad et al.",
        "5.4_plug_and_play",
        "plug_and_play_admm",
        "plug_and_play_hqs",
    ),
    _cited(
        7,
        "generative priors",
        "Bora, Jalal, Price and Dimakis",
        "5.4_generative_prior",
        "generative_prior",
    ),
    _cited(12, "Split-KalmanNet", "Choi et al.", "tracking_kalmannet", "split_kalmannet"),
    _cited(
        14, "Learned SPARCOM", "Dardikman-Yoffe and Eldar", "5.3_learned_sparcom", "learned_sparcom"
    ),
    _cited(16, "DPDNN", "Dong et al.", "5.3_many_degradations", "dpdnn"),
    _cited(
        18,
        "neural augmentation",
        "Garcia Satorras, Akata and Welling",
        "tracking_regimes",
        "neural_augmented_kalman",
    ),
    _cited(
        19, "Neumann networks", "Gilton, Ongie and Willett", "5.3_dnn_conversion", "neumann_network"
    ),
    _cited(22, "LISTA", "Gregor and LeCun", "5.06_lista", "lista"),
    _cited(23, "OAMP-Net", "He, Wen, Jin and Li", "receivers_mmnet", "oamp_net"),
    _cited(30, "MMNet", "Khani, Alizadeh, Hoydis and Fleming", "receivers_mmnet", "mmnet"),
    _cited(33, "uncertainty of KalmanNet", "Klein et al.", "tracking_uncertainty", "kalmannet"),
    _cited(
        34, "learned hybrid precoding", "Lavi and Shlezinger", "precoding_steps", "learned_ascent"
    ),
    _cited(37, "DUBLID", "Li et al.", "5.3_blind_deblurring", "dublid"),
    _cited(38, "ABLE", "Luijten et al.", "doa_beamforming", "able"),
    _cited(39, "DeepRED", "Mataev, Elad and Milanfar", "5.4_learned_regularizer", "deep_red"),
    _cited(41, "DA-MUSIC", "Merkofer et al.", "5.10_subspacenet", "da_music"),
    _cited(
        43,
        "neural belief propagation",
        "Nachmani et al.",
        "5.3_decoding",
        "neural_belief_propagation",
    ),
    _cited(
        44,
        "unfolded federated averaging",
        "Nakai-Kasai and Wadayama",
        "5.3_federated_averaging",
        "learned_averaging",
    ),
    _cited(46, "unfolded distributed ADMM", "Noah and Shlezinger", "5.3_d_admm", "unfolded_d_admm"),
    _cited(
        49,
        "guarantees for unfolding",
        "Pu, Eldar and Rodrigues",
        "theory_memorization",
        "ista_network",
    ),
    _cited(51, "meta-learned receivers", "Raviv et al.", "receivers_drift", "meta_viterbinet"),
    _cited(
        52, "unsupervised KalmanNet", "Revach et al.", "tracking_regimes", "unsupervised_kalmannet"
    ),
    _cited(53, "KalmanNet", "Revach et al.", "tracking_kalmannet", "kalmannet"),
    _cited(57, "DetNet", "Samuel, Diskin and Wiesel", "receivers_detnet", "detnet"),
    _cited(
        58,
        "recovery with random generators, in theory",
        "after Hand and Voroninski",
        "theory_generative",
        "latent_descent",
    ),
    _cited(
        62,
        "super-resolution and control",
        "Shlezinger, Eldar and Boyd",
        "control_lqg",
        "kalmannet_lqr",
    ),
    _cited(
        63, "ViterbiNet", "Shlezinger, Farsad, Eldar and Goldsmith", "5.5_viterbinet", "viterbinet"
    ),
    _cited(
        64,
        "learned factor graphs",
        "Shlezinger, Farsad, Eldar and Goldsmith",
        "5.5_factor_graph",
        "bcjrnet",
    ),
    _cited(65, "DeepSIC", "Shlezinger, Fu and Eldar", "5.5_deepsic", "deepsic"),
    _cited(
        66,
        "generative and discriminative estimation",
        "Shlezinger and Routtenberg",
        "5.01_linear_estimation",
        "generative",
        "discriminative",
    ),
    _cited(68, "Deep root-MUSIC", "Shmuel et al.", "5.10_subspacenet", "deep_root_music"),
    _cited(
        69,
        "generalization of unfolded networks",
        "Shultzman, Azar, Rodrigues and Eldar",
        "theory_generalization",
        "ista_network",
    ),
    _cited(71, "CORONA", "Solomon et al.", "5.3_corona", "corona"),
    _cited(75, "unfolding with flow priors", "Wei et al.", "5.4_generative_prior", "flow_prior"),
    _cited(77, "ADMM-CSNet", "Yang, Sun, Li and Xu", "5.3_dnn_conversion", "admm_csnet"),
    _cited(78, "USRNet", "Zhang, Van Gool and Timofte", "5.3_many_degradations", "usrnet"),
)
"""Those that stand here, by their numbers."""

MISSING: dict[int, tuple[str, str]] = {}
"""Those that do not yet, by their numbers: the system, and whose it is."""
