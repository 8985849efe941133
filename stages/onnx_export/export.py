"""A trained model as one graph of ONNX: from raw pixels to the probabilities and the label."""

from __future__ import annotations

import json
from collections.abc import Sequence

import onnx

from stages.images.model_images import Images
from stages.mlp import Network
from stages.onnx_export.deskew import add_deskewing
from stages.onnx_export.graph import Graph
from stages.onnx_export.layers import NoOnnxFormError, add_layer

OPSET = 17  # old enough for programs of 2022, and it has all that is needed
FORMAT_VERSION = 8  # of the file, as that opset needs it
MOST_BYTES = 2**31 - 2**20  # of an ONNX file, less some room for all that is no weight
INPUT, PROBABILITIES, LABEL = "pixels", "probabilities", "label"
TEXT = """Input: pixels, float32 (rows, {n_pixels}), each row an image of {height} x {width} pixels, line by line, as in
the training file (0 to 255). Outputs: probabilities, float32 (rows, {n_classes}), and label, {kind} (rows). All
arithmetic is in float32."""


def as_onnx(networks: Sequence[Network], images: Images) -> bytes:
    """The bytes of an ONNX file for a network, or an ensemble, for these ``images``. It takes any number of rows.

    Raises NoOnnxFormError if a layer or a deskewing has no form in ONNX, or the networks are too large for one file.
    """
    if 4 * sum(network.parameters.size + network.statistics.size for network in networks) > MOST_BYTES:
        raise NoOnnxFormError("an ONNX file holds at most 2 GiB, and the model is larger")
    graph = Graph()
    scaled = add_scaling(graph, images)
    deskewed = {
        deskew: scaled if deskew == "none" else add_deskewing(graph, scaled, images.height, images.width, deskew)
        for deskew in dict.fromkeys(network.images["deskew"] for network in networks)
    }
    each = [add_network(graph, network, deskewed[network.images["deskew"]]) for network in networks]
    graph.node("Mean", *each, name=PROBABILITIES)
    best = graph.node("ArgMax", PROBABILITIES, axis=1, keepdims=0)
    graph.node("Gather", images.classes, best, name=LABEL)
    content: bytes = model_of(graph, images).SerializeToString(deterministic=True)
    return content


def add_scaling(graph: Graph, images: Images) -> str:
    """Pixels as inputs: (pixel - offset) / scale, clipped to [0, 1]."""
    scaled = graph.node("Div", graph.node("Sub", INPUT, float(images.offset)), float(images.scale))
    return graph.node("Clip", scaled, 0.0, 1.0)


def add_network(graph: Graph, network: Network, X: str) -> str:
    """The probabilities that one network gives, (rows, n_classes), from its inputs (rows, n_inputs)."""
    for layer in network.layers():
        X = add_layer(graph, layer, X)
    if network.architecture.n_classes > 2:
        return graph.node("Softmax", X, axis=1)
    # One output, the logit of the second class.
    first, second = graph.node("Sigmoid", graph.node("Neg", X)), graph.node("Sigmoid", X)
    return graph.node("Concat", first, second, axis=1)


def model_of(graph: Graph, images: Images) -> onnx.ModelProto:
    """The graph with its inputs and outputs described, and checked by ONNX's own rules."""
    tensor, kinds = onnx.helper.make_tensor_value_info, onnx.TensorProto
    n_pixels, n_classes = images.height * images.width, len(images.classes)
    is_text = isinstance(images.classes[0], str)
    made = onnx.helper.make_graph(
        graph.nodes,
        "digit-pipeline",
        [tensor(INPUT, kinds.FLOAT, ["rows", n_pixels])],
        [
            tensor(PROBABILITIES, kinds.FLOAT, ["rows", n_classes]),
            tensor(LABEL, kinds.STRING if is_text else kinds.INT64, ["rows"]),
        ],
        graph.constants,
    )
    model = onnx.helper.make_model(
        made,
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=FORMAT_VERSION,
        producer_name="digit-pipeline",
        doc_string=TEXT.format(
            n_pixels=n_pixels,
            height=images.height,
            width=images.width,
            n_classes=n_classes,
            kind="string" if is_text else "int64",
        ).replace("\n", " "),
    )
    known = {"classes": list(images.classes), "height": images.height, "width": images.width}
    onnx.helper.set_model_props(model, {name: json.dumps(value) for name, value in known.items()})
    onnx.checker.check_model(model, full_check=True)
    return model
