"""Sessions of onnxruntime: how graphs are loaded, and what a graph at fault is called."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort

from reefsteps.detection.engine import available_threads
from reefsteps.detection.mapped_weights import by_reference
from reefsteps.errors import UnsupportedModelError

_LOG_ERRORS_ONLY = 3
# onnxruntime's errors have no common base. RuntimeException is what it raises where memory is short.
_GRAPH_AT_FAULT = (
    ort.Fail,
    ort.InvalidArgument,
    ort.InvalidGraph,
    ort.InvalidProtobuf,
    ort.NoModel,
    ort.NoSuchFile,
    ort.NotImplemented,
)
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"


def open_session(model: Path, name: str, threads: int | None = None) -> onnxruntime.InferenceSession:
    """Return a session of the graph in the file ``model`` of the model ``name``.

    The weights are mapped from the file: it may be replaced or removed meanwhile, but not written to. Raises
    UnsupportedModelError when the graph cannot be loaded, MemoryError where memory is short.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available_threads()
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # a plan for each picture's shape costs memory and saves no time
    options.log_severity_level = _LOG_ERRORS_ONLY
    options.add_session_config_entry(_WEIGHTS_FOLDER, str(model.parent))
    try:
        graph = by_reference(model)
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    except (ValueError, *_GRAPH_AT_FAULT) as error:
        raise UnsupportedModelError(
            f"The converted model of '{name}' cannot be loaded ({error}). Upload the .pth again."
        ) from error
    except ort.RuntimeException as error:
        raise MemoryError(f"onnxruntime cannot load the model: {error}") from error
    _return_freed_memory()
    return session


def _return_freed_memory() -> None:
    """Hand back what building the session has freed: a copy of the weights, which glibc would keep."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
