"""The engine of the Lambdas: a converted Mask R-CNN under onnxruntime."""

from __future__ import annotations

import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as ort

from reefsteps.arrays import ByteArray
from reefsteps.detection.detections import Detections
from reefsteps.detection.engine import Engine, available_threads
from reefsteps.detection.manifest import FileIdentity, Manifest
from reefsteps.detection.mapped_weights import by_reference
from reefsteps.detection.resizing import network_shape, paste_mask, resize, restore_boxes
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


class OnnxDetector(Engine):
    """A Mask R-CNN graph written by ``conversion``; see its ``mask_rcnn`` for inputs and outputs."""

    def __init__(self, model: Path, manifest: Manifest, threads: int | None = None) -> None:
        """Create the session; raises UnsupportedModelError when the graph cannot be loaded.

        The weights are mapped from the file ``model``: it may be replaced or removed meanwhile, but not written to.
        """
        super().__init__(manifest)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or available_threads()
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # a plan for each picture's shape costs memory and saves no time
        options.log_severity_level = _LOG_ERRORS_ONLY
        options.add_session_config_entry(_WEIGHTS_FOLDER, str(model.parent))
        try:
            graph = by_reference(model)
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except (ValueError, *_GRAPH_AT_FAULT) as error:
            raise UnsupportedModelError(
                f"The converted model of '{manifest.name}' cannot be loaded ({error}). Upload the .pth again."
            ) from error
        except ort.RuntimeException as error:
            raise MemoryError(f"onnxruntime cannot load the model: {error}") from error
        _return_freed_memory()

    @classmethod
    def load(cls, onnx_path: Path, manifest_path: Path, threads: int | None = None) -> OnnxDetector:
        """Load a model whose content is the one that the manifest speaks of."""
        manifest = Manifest.load(manifest_path)
        with ThreadPoolExecutor(max_workers=1) as other_core:
            built = other_core.submit(cls, onnx_path, manifest, threads)
            digest = FileIdentity.of(onnx_path).sha256
            if digest != manifest.model.sha256:
                raise UnsupportedModelError(
                    f"{onnx_path.name} is not the model that its manifest describes (sha256 {digest[:12]} instead of "
                    f"{manifest.model.sha256[:12]}). Upload the .pth again to convert it."
                )
            return built.result()

    def _found(self, image_bgr: ByteArray, min_score: float) -> Detections:
        picture = image_bgr.shape[0], image_bgr.shape[1]
        network = network_shape(*picture, self._manifest.min_size_test, self._manifest.max_size_test)
        pixels = resize(image_bgr, network)
        if self._manifest.rgb:
            pixels = pixels[:, :, ::-1]
        feed: dict[str, Any] = {
            "image": np.ascontiguousarray(pixels.transpose(2, 0, 1), np.float32),
            "score_threshold": np.array([min_score], np.float32),
        }
        boxes, scores, classes, masks = self._session.run(["boxes", "scores", "classes", "masks"], feed)
        boxes, filled = restore_boxes(boxes, network, picture)
        kept = np.flatnonzero(filled)
        kept = kept[np.argsort(-scores[kept], kind="stable")]  # the graph sorts by pyramid level
        pasted = tuple(paste_mask(masks[i], boxes[i], picture, self._manifest.mask_threshold) for i in kept)
        return Detections(boxes[kept], scores[kept], classes[kept], pasted, picture)


def _return_freed_memory() -> None:
    """Hand back what building the session has freed: a copy of the weights, which glibc would keep."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
