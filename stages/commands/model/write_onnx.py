"""Write the model as an ONNX file that the person names: all of it or nothing."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import ConfigError, StageError, pip_install
from stages.commands.current_model import Model
from stages.commands.write_output import output_file


def write_onnx(path: Path, model: Model) -> int:
    """Write the model, and give the file's size in bytes. An older file is replaced as a whole.

    Raises
    ------
    ConfigError
        The package onnx is not installed.
    StageError
        ONNX cannot express a part of the model.
    DataError
        The file cannot be written.
    """
    try:
        from stages.onnx_export.export import as_onnx
        from stages.onnx_export.layers import NoOnnxFormError
    except ImportError as error:
        raise ConfigError(f"--export needs the package onnx: {error}", hint=pip_install("onnx")) from error
    try:
        content = as_onnx(model.predictor.networks, model.predictor.images)
    except NoOnnxFormError as error:
        raise StageError(
            f"this model cannot be exported: {error}",
            where="artifacts/train/model.npz",
            hint="train fewer or smaller networks; Python reads this file with stages.train.predictor.load_predictor",
        ) from error
    with output_file(path, "--export") as file:
        file.write(content)
    return len(content)
