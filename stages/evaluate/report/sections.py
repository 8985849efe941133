"""The values that the templates show: one function for each section."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from stages.evaluate.report.calibration import N_BINS, calibration_error, reliability
from stages.evaluate.report.charts import learning_curves, reliability_chart
from stages.evaluate.report.confusion import confusion_tables, frequent_confusions, hardest_classes
from stages.evaluate.report.findings import Findings, least_confident, worst_mistakes
from stages.evaluate.report.png import displayed_size, grey_picture
from stages.evaluate.report.receipts import SHOWN_DIGITS, settings_of
from stages.evaluate.report.weights import caption_of_weights, weight_pictures
from stages.evaluate.suspects import find_suspects
from stages.images.augmentation import Augmentation, warped_copies
from stages.ingest.profile import polarity

NO_BREAK = "\N{NO-BREAK SPACE}"  # before a percent sign, and around the x of 5 x 5
DIGITS = {str(digit) for digit in range(10)}
MOST_CLASSES = 50  # in a table or with a bar; a larger table is hard to read, and grows with their square
FEW_BARS = 10  # of the canvas, if there are more than MOST_CLASSES classes
CANVAS_SIDE = 280  # the longer side, in CSS pixels
WARPED_IMAGES, COPIES = 6, 7


def header(findings: Findings) -> dict[str, Any]:
    """The headline, the tiles, and the contents."""
    networks = findings.networks
    return {
        "metrics": findings.metrics,
        "images": findings.images,
        "n_classes": len(findings.labels),
        "with_folds": findings.metrics.is_out_of_fold,
        "n_networks": len(networks),
        "n_parameters": sum(len(each.parameters) for each in networks),
        "architectures": [
            text.replace(" x ", f"{NO_BREAK}x{NO_BREAK}")
            for text in dict.fromkeys(each.architecture.description for each in networks)
        ],
        "titles": titles(findings),
    }


def titles(findings: Findings) -> dict[str, str]:
    """The heading of each section by its anchor, in the order of the page."""
    return {
        "draw": "Draw a digit" if set(findings.labels) <= DIGITS else "Draw an image",
        "learning": "Learning curves",
        "confusion": "Confusion matrix",
        "classes": "Metrics by class",
        **({"members": "Metrics by network"} if findings.metrics.members else {}),
        **({"disagreements": "Where the networks disagree"} if findings.disagreements else {}),
        "mistakes": "The worst mistakes",
        "suspects": "Labels that may be wrong",
        "unsure": "The least confident predictions",
        "calibration": "Calibration",
        "weights": "Weights of the first layer",
        "warps": "Warped training images",
        "data": "The data",
        "settings": "Settings",
        "provenance": "Provenance",
    }


def drawing(findings: Findings) -> dict[str, Any]:
    """The canvas and its bars."""
    labels, images = findings.labels, findings.images
    height, width = displayed_size(images.height, images.width, CANVAS_SIDE)
    return {
        "what_to_draw": "a digit" if set(labels) <= DIGITS else f"one of the {len(labels):,} classes",
        "bars": labels if len(labels) <= MOST_CLASSES else labels[:FEW_BARS],
        "canvas_height": height,
        "canvas_width": width,
    }


def learning(findings: Findings) -> dict[str, Any]:
    """The learning curves."""
    history, kept_epoch = findings.mean_history, findings.kept_epoch
    return {"history": history, "kept_epoch": kept_epoch, "curves": learning_curves(history, kept_epoch)}


def classes(findings: Findings) -> dict[str, Any]:
    """The confusion matrix and the table of classes; the worst of both, if there are more than ``MOST_CLASSES``."""
    labels, confusion = findings.labels, findings.predictions.confusion
    is_small = len(labels) <= MOST_CLASSES
    return {
        "labels": labels,
        "confusion_tables": confusion_tables(confusion) if is_small else [],
        "confusions": [] if is_small else frequent_confusions(confusion, MOST_CLASSES),
        "classes": hardest_classes(findings.metrics.per_class, MOST_CLASSES),
        "rows_of": {each.label: each.rows for each in findings.profile.classes},
    }


def examples(findings: Findings) -> dict[str, Any]:
    """The galleries of rows: disagreements, mistakes, suspected labels, and the least confident predictions."""
    labels, images, n = findings.labels, findings.images, findings.parameters["examples"]
    P, rows = findings.predictions.P, findings.predictions.rows
    suspects = find_suspects(P, rows.actual, rows.numbers)
    height, width = displayed_size(images.height, images.width)
    return {
        "picture_height": height,
        "picture_width": width,
        "disagreements": [
            {
                "picture": grey_picture(findings.image(each.x)),
                "row": each.row,
                "label": labels[each.actual],
                "predicted": labels[each.predicted],
                "votes": [(labels[index], n_members) for index, n_members in each.votes],
            }
            for each in findings.disagreements
        ],
        "mistakes": gallery(findings, worst_mistakes(P, rows.actual, rows.numbers)[:n]),
        "suspects": gallery(findings, suspects.positions[:n]),
        "n_suspects": len(suspects.positions),
        "n_probably_wrong": int(suspects.are_confident.sum()),
        "unsure": gallery(findings, least_confident(P, rows.numbers)[:n]),
    }


def gallery(findings: Findings, positions: Iterable[int]) -> list[dict[str, Any]]:
    """Evaluated rows as pictures, with the right label and the two most probable classes."""
    labels, P, rows, found = findings.labels, findings.predictions.P, findings.predictions.rows, []
    for at in positions:
        first, second = (
            {"label": labels[k], "probability": float(P[at, k])} for k in np.argsort(-P[at], kind="stable")[:2].tolist()
        )
        found.append(
            {
                "picture": grey_picture(findings.image(rows.X[at])),
                "row": int(rows.numbers[at]),
                "label": labels[rows.actual[at]],
                "first": first,
                "second": second,
            }
        )
    return found


def calibration(findings: Findings) -> dict[str, Any]:
    """The reliability chart and its bins."""
    bins = reliability(findings.predictions.P, findings.predictions.rows.actual)
    error = calibration_error(bins)
    return {
        "bins": bins,
        "n_bins": N_BINS,
        "calibration_error": error,
        "reliability_chart": reliability_chart(bins, error),
    }


def first_layer(findings: Findings) -> dict[str, Any]:
    """The weights of the first layer, and warped training images."""
    networks, images = findings.networks, findings.images
    return {
        "weights": weight_pictures(networks[0], images.height, images.width, findings.labels),
        "has_filters": bool(networks[0].architecture.filters),
        "weights_caption": caption_of_weights(networks, images.height, images.width),
        "warps": warp_pictures(findings),
    }


def warp_pictures(findings: Findings) -> list[dict[str, str]]:
    """Training images of different classes as they are, each followed by warped copies; none without augmentation."""
    settings, training = settings_of(findings.receipts, "train"), findings.training
    augmentation = Augmentation(**{field.name: settings[field.name] for field in fields(Augmentation)})
    if not augmentation.is_active:
        return []
    rng = np.random.default_rng(settings["seed"])
    _, first = np.unique(training.actual, return_index=True)
    chosen = first[np.unique(np.linspace(0, len(first) - 1, num=WARPED_IMAGES).astype(int))]
    found = []
    for at in chosen.tolist():
        image = findings.image(training.X[at])
        description = f"training row {training.numbers[at]}, a {findings.labels[training.actual[at]]}"
        found.append({"picture": grey_picture(image), "description": description})
        found += [
            {"picture": grey_picture(copy), "description": f"{description}, warped"}
            for copy in warped_copies(image, augmentation, rng, COPIES)
        ]
    return found


def data(findings: Findings) -> dict[str, Any]:
    """The profile of the training and the test file: lines of name, train, test."""
    profile = findings.profile
    train, test = profile.train, profile.test
    (low, high), (low_test, high_test) = train.pixel_range, test.pixel_range
    return {
        "profile_rows": [
            ("rows", f"{train.rows:,}", f"{test.rows:,}"),
            ("smallest and largest pixel", f"{low} to {high}", f"{low_test} to {high_test}"),
            ("ink and background", polarity(train), polarity(test)),
            ("constant pixels", f"{len(train.constant_pixels):,}", f"{len(test.constant_pixels):,}"),
            ("blank images", f"{train.blank_images:,}", f"{test.blank_images:,}"),
            ("duplicate images", f"{train.duplicate_rows:,}", f"{test.duplicate_rows:,}"),
            ("conflicting labels", f"{profile.conflicting_labels:,}", ""),
            ("images that are also in the training file", "", f"{profile.shared_rows:,}"),
            ("rows set aside", f"{profile.n_quarantined:,}", ""),
        ],
        "profile_notes": profile.warnings(),
    }


def provenance(findings: Findings) -> dict[str, Any]:
    """The settings of every stage, and the receipts."""
    receipts = findings.receipts
    settings = [(each.work.stage, each.work.parameters) for each in receipts] + [("evaluate", findings.parameters)]
    return {"settings": settings, "receipts": receipts, "shown_digits": SHOWN_DIGITS}
