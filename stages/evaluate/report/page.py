"""Put the page together: from the findings to one HTML text."""

from __future__ import annotations

import base64
import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from stages.evaluate.report.calibration import N_BINS, calibration_error, reliability
from stages.evaluate.report.canvas import LARGEST_PAGE, drawing_model
from stages.evaluate.report.chain import SHOWN_DIGITS, setting_text
from stages.evaluate.report.figures import curves, reliability_curve
from stages.evaluate.report.findings import Findings, least_sure, worst_mistakes
from stages.evaluate.report.pictures import grey_picture, strongest_units, warped, weight_picture
from stages.evaluate.report.script import SCRIPT
from stages.evaluate.report.style import SHADES, STYLE
from stages.evaluate.report.template import TEMPLATE
from stages.images.digit_framing import find_framing
from stages.mlp import Augmentation, Network
from stages.shared.messages import counted
from stages.split.documents import ImageFormat

PICTURE_SIDE = 84  # the longer side of a picture, in CSS pixels
DRAWING_SIDE = 280  # the longer side of the canvas
WARPED_IMAGES, COPIES = 6, 7
NO_BREAK = "\N{NO-BREAK SPACE}"  # before a percent sign, and around the x of 5 x 5
DIGITS = {str(digit) for digit in range(10)}


def render(findings: Findings) -> str:
    """The whole page; the same findings give the same text."""
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    environment.filters["zipped"] = lambda columns: zip(*columns, strict=True)
    template = environment.from_string(TEMPLATE)
    parts = gather(findings)

    def page(drawing: Mapping[str, Any] | None) -> str:
        return template.render(**parts, drawing=drawing, policy=content_policy(STYLE, SCRIPT if drawing else None))

    framing = find_framing(findings.X, findings.images.height, findings.images.width)
    room = LARGEST_PAGE - len(page(None).encode()) - len(SCRIPT.encode()) - 2_000  # canvas, bars and figures around it
    room -= 200 * len(findings.labels) + 6 * sum(len(label.encode()) for label in findings.labels)
    return page(drawing_model(findings.networks, findings.images, findings.profile, framing, room=room))


def gather(findings: Findings) -> dict[str, Any]:
    """Everything that the template puts in, by name."""
    metrics, images = findings.metrics, findings.images
    labels = findings.labels
    bins = reliability(findings.P, findings.actual)
    kept = kept_epoch(findings)
    is_digits = set(labels) <= DIGITS
    titles = {
        "draw": "Draw a digit" if is_digits else "Draw one yourself",
        "learning": "How it learned",
        "confusion": "What was taken for what",
        "classes": "Class by class",
        **({"members": "Network by network"} if metrics.members else {}),
        **({"disputes": "Where the networks disagree"} if findings.disputes else {}),
        "mistakes": "The worst mistakes",
        "unsure": "The least sure rows",
        "calibration": "Is it right as often as it is sure?",
        "weights": "What the first layer looks for",
        "warps": "What the training saw",
        "data": "The data",
        "settings": "Settings",
        "chain": "Where it comes from",
    }
    n_examples = findings.parameters["examples"]
    picture_height, picture_width = displayed(images.height, images.width)
    sides = {"height": images.height, "width": images.width}
    return {
        "metrics": metrics,
        "images": images,
        "labels": labels,
        "with_folds": findings.with_folds,
        "architectures": [
            text.replace(" x ", f"{NO_BREAK}x{NO_BREAK}")
            for text in dict.fromkeys(each.architecture.description for each in findings.networks)
        ],
        "n_networks": len(findings.networks),
        "n_parameters": sum(len(each.parameters) for each in findings.networks),
        "titles": titles,
        "contents": list(titles.items()),
        "what_to_draw": "a digit" if is_digits else f"one of the {len(labels)} classes",
        "style": Markup(STYLE),  # noqa: S704 - our own constant, not data
        "script": Markup(SCRIPT),  # noqa: S704 - the same
        "percent": lambda share: f"{100 * share:.2f}{NO_BREAK}%",
        "about": lambda share: f"{100 * share:.1f}{NO_BREAK}%",
        "span": lambda bounds: f"{100 * bounds[0]:.2f} to {100 * bounds[1]:.2f}{NO_BREAK}%",
        "count": lambda n: f"{n:,}",
        "counted": counted,
        "picture_width": picture_width,
        "picture_height": picture_height,
        **{f"drawing_{name}": round(DRAWING_SIDE * side / max(sides.values())) for name, side in sides.items()},
        "largest_page": f"{LARGEST_PAGE / 1e6:g}",
        "history": findings.history,
        "kept": kept,
        "is_chosen": is_chosen(findings),
        "curves": [(title, Markup(drawn)) for title, drawn in curves(findings.history, kept)],  # noqa: S704 - as above
        "confusions": confusions(findings.confusion),
        "rows_of": {each.label: each.rows for each in findings.profile.classes},
        "mistakes": examples(findings, worst_mistakes(findings.P, findings.actual, findings.rows)[:n_examples]),
        "disputes": [
            {
                "picture": grey_picture(each.x.reshape(images.height, images.width)),
                "row": each.row,
                "label": labels[each.actual],
                "said": labels[each.predicted],
                "votes": [(labels[index], n_members) for index, n_members in each.votes],
            }
            for each in findings.disputes
        ],
        "unsure": examples(findings, least_sure(findings.P, findings.rows)[:n_examples]),
        "bins": bins,
        "n_bins": N_BINS,
        "calibration_error": calibration_error(bins),
        "reliability": Markup(reliability_curve(bins, calibration_error(bins))),  # noqa: S704 - as above
        "weights": weight_pictures(findings),
        "has_filters": bool(findings.networks[0].architecture.filters),
        "weights_caption": weights_caption(findings),
        "warps": warp_pictures(findings),
        "profile_rows": profile_rows(findings),
        "profile_notes": findings.profile.suspicions(),
        "settings": [
            (stage, [(name, setting_text(value)) for name, value in values.items()])
            for stage, values in (
                *((receipt.work.stage, receipt.work.parameters) for receipt in findings.receipts),
                ("evaluate", findings.parameters),
            )
        ],
        "receipts": findings.receipts,
        "shown_digits": SHOWN_DIGITS,
    }


def content_policy(style: str, script: str | None) -> str:
    """A content security policy that allows this very style and script, pictures inside the page, and nothing else."""

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    scripts = f"script-src {source(script)}; " if script else ""
    return f"default-src 'none'; {scripts}style-src {source(style)}; img-src data:; base-uri 'none'; form-action 'none'"


def is_chosen(findings: Findings) -> bool:
    """Whether the weights were kept for being the best on the very rows that are told of."""
    settings = findings.settings_of("train")
    return (settings["keep"] or ("best" if settings["folds"] == 1 else "last")) == "best"


def kept_epoch(findings: Findings) -> int | None:
    """The epoch whose weights were kept for being the best, None if the last were, or each member's own."""
    if not is_chosen(findings) or len(findings.networks) > 1:
        return None
    history = findings.history
    merits = zip(history["validation_accuracy"], history["validation_loss"], history["epoch"], strict=True)
    return int(max(merits, key=lambda merit: (merit[0], -merit[1], -merit[2]))[2])


def confusions(confusion: NDArray[np.int64]) -> list[tuple[str, list[list[dict[str, str]]]]]:
    """The matrix (n_classes, n_classes) as rows, and as percent of each line: caption and cells with their shades.

    Right ones are shaded by their share of the line, wrong ones by the worst cell.
    """
    by_class = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)

    def cells(values: NDArray[Any], texts: Sequence[Sequence[str]]) -> list[list[dict[str, str]]]:
        wrong = values[~np.eye(len(values), dtype=bool)].max()

        def shade(line: int, column: int) -> str:
            kind = "right" if line == column else "wrong"
            depth = by_class[line, column] if line == column else values[line, column] / max(wrong, 1e-12)
            return f"{kind}{math.ceil(SHADES * depth)}" if values[line, column] else ""

        n = range(len(values))
        return [[{"text": texts[line][column], "shade": shade(line, column)} for column in n] for line in n]

    return [
        ("Rows", cells(confusion, [[f"{n:,}" if n else "·" for n in line] for line in confusion.tolist()])),
        (
            "Percent of the line",
            cells(by_class, [[f"{100 * share:.1f}" if share else "·" for share in line] for line in by_class.tolist()]),
        ),
    ]


def examples(findings: Findings, positions: Iterable[int]) -> list[dict[str, Any]]:
    """Evaluated rows as pictures, with what was said, the most probable first, and what is right."""
    labels, found = findings.labels, []
    for at in positions:
        order = np.argsort(-findings.P[at], kind="stable")[:2].tolist()
        found.append(
            {
                "picture": grey_picture(findings.X[at].reshape(findings.images.height, findings.images.width)),
                "row": int(findings.rows[at]),
                "label": labels[findings.actual[at]],
                "said": [(labels[k], float(findings.P[at, k])) for k in order],
            }
        )
    return found


def weights_caption(findings: Findings) -> str:
    """What the pictures of the first layer are of."""
    network = findings.networks[0]
    if network.n_layers == 1:
        return "Without a hidden layer, each picture is what speaks for and against one class."
    height, width = first_layer_shape(network, findings.images)
    n_units = len(network.weights["b1"])
    shown = len(strongest_units(network))
    which = f"the {shown} with the strongest weights" if shown < n_units else "the strongest first"
    whose = " of the first network" if len(findings.networks) > 1 else ""
    if network.architecture.filters:
        return (
            f"Each picture is one of the {n_units:,} filters of the first convolution{whose}, {which}: "
            f"{height} x {width} weights, which are moved over the whole image."
        )
    return f"Each picture is the weights of one of the {n_units:,} units of the first layer{whose}, {which}."


def first_layer_shape(network: Network, images: ImageFormat) -> tuple[int, int]:
    """Height and width of what a unit of the first layer looks at: the image, or the part under a kernel."""
    kernels = network.architecture.kernels
    return (kernels[0], kernels[0]) if kernels else (images.height, images.width)


def weight_pictures(findings: Findings) -> list[dict[str, Any]]:
    """The weights of some of the first layer's units, in the shape of what they look at."""
    network, labels = findings.networks[0], findings.labels
    answers = labels[1:] if len(labels) == 2 else labels  # with two classes there is one output, for the second
    shape = first_layer_shape(network, findings.images)
    height, width = displayed(*shape)
    unit_name = "filter" if network.architecture.filters else "unit"
    found = []
    for unit in strongest_units(network).tolist():
        caption = answers[unit] if network.n_layers == 1 else ""
        found.append(
            {
                "picture": weight_picture(network.weights["W1"][:, unit].reshape(shape)),
                "height": height,
                "width": width,
                "name": caption or f"{unit_name} {unit}",
                "caption": caption,
            },
        )
    return found


def displayed(height: int, width: int) -> tuple[int, int]:
    """The height and width in CSS pixels at which a picture of so many pixels is shown."""
    scale = PICTURE_SIDE / max(height, width)
    return max(round(height * scale), 1), max(round(width * scale), 1)


def warp_pictures(findings: Findings) -> list[dict[str, str]]:
    """Training images of different classes as they are, each followed by warped copies; none without augmentation."""
    settings = findings.settings_of("train")
    augmentation = Augmentation(**{field.name: settings[field.name] for field in fields(Augmentation)})
    if not any(getattr(augmentation, name) for name in ("rotation", "scale", "shear", "shift", "elastic")):
        return []
    rng = np.random.default_rng(settings["seed"])
    _, first = np.unique(findings.labels_train, return_index=True)
    chosen = first[np.unique(np.linspace(0, len(first) - 1, num=WARPED_IMAGES).astype(int))]
    found = []
    for at in chosen.tolist():
        image = findings.X_train[at].reshape(findings.images.height, findings.images.width)
        told = f"training row {findings.rows_train[at]}, a {findings.labels_train[at]}"
        found.append({"picture": grey_picture(image), "told": told})
        found += [
            {"picture": grey_picture(copy), "told": f"{told}, warped"}
            for copy in warped(image, augmentation, rng, COPIES)
        ]
    return found


def profile_rows(findings: Findings) -> list[tuple[str, str, str]]:
    """What there is to say of the training and the test file: name, train, test."""
    profile = findings.profile
    train, test = profile.train, profile.test

    def line(name: str, *values: int) -> tuple[str, str, str]:
        shown = [f"{value:,}" for value in values]
        return (name, shown[0], shown[1] if len(shown) > 1 else "")

    (low, high), (low_test, high_test) = train.pixel_range, test.pixel_range
    return [
        line("rows", train.rows, test.rows),
        ("smallest and largest pixel", f"{low} to {high}", f"{low_test} to {high_test}"),
        line("pixels that never change", len(train.constant_pixels), len(test.constant_pixels)),
        line("blank images", train.blank_images, test.blank_images),
        line("images found in an earlier row too", train.duplicate_rows, test.duplicate_rows),
        line("further labels of the same image", profile.conflicting_labels),
        ("images that stand in train too", "", f"{profile.shared_rows:,}"),
        line("rows set aside", profile.n_quarantined),
    ]
