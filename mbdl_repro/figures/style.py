"""One style for all figures: a colour a family, a marker a method, bounds dashed grey."""

from __future__ import annotations

import dataclasses
import io
import math
import zlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from mbdl_repro.contract.family import Family

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

# Hues that the colour-blind tell apart (after Okabe and Ito, and Tol), of differing lightness so
# that they part in grey too. Families that are never far apart on the continuum share a hue.
COLOURS = {
    Family.MODEL_BASED: "#222222",
    Family.GENERATIVE_LEARNING: "#009e73",
    Family.DISCRIMINATIVE_LEARNING: "#56b4e9",
    Family.LEARNED_OPTIMIZATION: "#e69f00",
    Family.UNFOLDED_HYPERPARAMETERS: "#cc79a7",
    Family.UNFOLDED_OBJECTIVE: "#d55e00",
    Family.UNFOLDED_NETWORK: "#882255",
    Family.DNN_AIDED_PRIOR: "#44aa99",
    Family.DNN_AIDED_INFERENCE: "#0072b2",
    Family.NEURAL_AUGMENTATION: "#332288",
    Family.DEEP_LEARNING: "#7a7a00",
    Family.BOUND: "#808080",
}
_GREYS = (Family.MODEL_BASED, Family.BOUND)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "*")
LINES: tuple[Any, ...] = (
    "-",
    (0, (5, 1, 1, 1)),
    (0, (3, 1)),
    (0, (1, 1)),
    (0, (5, 1, 1, 1, 1, 1)),
    (0, (6, 3)),
)
BOUND_LINES = ((0, (6, 2)), (0, (2, 2)), (0, (8, 2, 2, 2)), (0, (1, 2)))

RC: Any = {
    "figure.dpi": 200,
    "savefig.dpi": 200,
    "figure.constrained_layout.use": True,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,
    "axes.labelsize": 9,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.5,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "pdf.fonttype": 42,
    "svg.hashsalt": "mbdl-repro",
}


@dataclasses.dataclass(frozen=True)
class RowStyle:
    """How a method or bound looks wherever it is drawn."""

    legend: str
    colour: str
    marker: str | None
    line: Any
    order: int

    @property
    def line_words(self) -> dict[str, Any]:
        """Return the words that matplotlib's ``plot`` takes."""
        return {
            "label": self.legend,
            "color": self.colour,
            "marker": self.marker,
            "linestyle": self.line,
            "markeredgecolor": "white",
            "markeredgewidth": 0.6,
            # Lines that coincide lie in each other, the thinner on top; bounds on top of all.
            "linewidth": 1.2 if self.marker is None else max(1.3, 2.2 - 0.2 * self.order),
            "zorder": 3 + 0.01 * self.order,
        }


def row_styles(families: Mapping[str, Family], legends: Mapping[str, str]) -> dict[str, RowStyle]:
    """Give each row its style: by family first, then told apart within the family.

    Args:
        families: family of each method and bound, in the order of the experiment file.
        legends: how each is called in legends.

    Returns:
        Styles by name, in the order of the continuum, bounds last.
    """
    ordered = sorted(families, key=lambda name: families[name].rank)
    styles: dict[str, RowStyle] = {}
    taken: set[str] = set()
    seen: dict[Family, int] = {}
    for order, name in enumerate(ordered):
        family = families[name]
        nth = seen.get(family, 0)
        seen[family] = nth + 1
        is_bound = family is Family.BOUND
        marker = None if is_bound else _marker(name, taken)
        lines = BOUND_LINES if is_bound else LINES
        styles[name] = RowStyle(
            legend=legends.get(name, name.replace("_", " ")),
            # Lighter black would be the grey of bounds.
            colour=_lighter(COLOURS[family], 0 if family in _GREYS else min(nth, 3) * 0.22),
            marker=marker,
            line=lines[nth % len(lines)],
            order=order,
        )
    return styles


def _marker(name: str, taken: set[str]) -> str:
    """Return the method's own marker, or the next that no other in this figure has taken."""
    start = zlib.crc32(name.encode()) % len(MARKERS)
    turned = MARKERS[start:] + MARKERS[:start]
    marker = next((m for m in turned if m not in taken), turned[0])
    taken.add(marker)
    return marker


def _lighter(colour: str, share: float) -> str:
    """Blend a colour with white."""
    parts = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(p + (255 - p) * share):02x}" for p in parts)


def legend_below(figure: Figure, columns: int | None) -> None:
    """Draw one legend under all panels, in the order of the continuum.

    Args:
        figure: with all panels drawn.
        columns: of the legend; ``None`` for up to three.
    """
    entries: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            known = entries.setdefault(label, handle)
            if getattr(known, "get_linestyle", lambda: "")() == "None":
                entries[label] = handle  # a line tells more than a mark of the same method
    if not entries:
        return
    order: Iterable[str] = sorted(
        entries, key=lambda label: getattr(entries[label], "mbdl_order", 0)
    )
    figure.legend(
        [entries[label] for label in order],
        list(order),
        loc="outside lower center",
        ncols=columns or min(len(entries), 3),
    )


def plain_log_ticks(axis: Axis) -> None:
    """Label a logarithmic axis with plain numbers; 1, 2 and 5 where it spans few decades."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = sorted(axis.get_view_interval())
    decades = math.log10(high / low) if low > 0 else 9.0
    if decades > 4:
        return
    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if decades < 2 else (1.0,)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def ticks_at(axis: Axis, values: Iterable[float]) -> None:
    """Put a tick at each of these values, and nowhere else.

    Args:
        axis: of which the ticks are set.
        values: in the axis's unit.
    """
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axis.set_major_locator(FixedLocator(list(values)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def lay_out(figure: Figure) -> None:
    """Give all parts of a figure their places, once for all files that it is written as.

    Args:
        figure: with all panels and the legend drawn.
    """
    import matplotlib

    if engine := figure.get_layout_engine():
        engine.execute(figure)
    with matplotlib.rc_context({"figure.constrained_layout.use": False}):
        figure.set_layout_engine(None)  # with none, nothing is laid out again, nor drawn twice


def to_bytes(figure: Figure, suffix: str) -> bytes:
    """Return the figure as a file's content, the same bytes whenever it is the same figure.

    Args:
        figure: with all panels drawn.
        suffix: ``png``, ``pdf`` or ``svg``.
    """
    buffer = io.BytesIO()
    if suffix == "png":
        figure.savefig(buffer, format="png", pil_kwargs={"compress_level": 0})
        return _of_256_colours(buffer)
    metadata = {
        "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
        "svg": {"Date": None, "Creator": None},
    }[suffix]
    figure.savefig(buffer, format=suffix, metadata=metadata)
    return buffer.getvalue()


def _of_256_colours(png: io.BytesIO) -> bytes:
    """Return a picture with a palette of its own: less than half the bytes, the same to the eye.

    Of more than 256 colours, most are off by one of 255 levels, and the rarest, where edges of
    lines and bands mix, by some ten.
    """
    from PIL import Image

    image = Image.open(png)
    # From colours that lie far apart, so that one of few pixels is among them, towards those of
    # many, until fewer than so many pixels change their colour.
    fewer = image.convert("RGB").quantize(
        256, method=Image.Quantize.MAXCOVERAGE, kmeans=1000, dither=Image.Dither.NONE
    )
    buffer = io.BytesIO()
    fewer.save(buffer, "png", dpi=image.info["dpi"])
    return buffer.getvalue()
