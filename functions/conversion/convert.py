"""From a ``.pth`` to ``<name>.onnx`` and ``<name>.json``, checked before anything is replaced."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from conversion.agreement import compare, rejection_reason
from conversion.architecture import recognise
from conversion.binding import bound_to, weights_digest
from conversion.buffers import checked_buffers
from conversion.checkpoint import Weights, read_checkpoint
from conversion.classes import example, read_classes
from conversion.config import NAMED, ModelConfig, model_config
from conversion.coral_map import check_map, map_network
from conversion.evaluation import accepted
from conversion.mask_rcnn import build
from conversion.tuning import Earlier, Tuned, tuned
from conversion.variants import SCOPES, Photos, distinct_scopes, half_weights, quantised
from reefsteps.arrays import ByteArray
from reefsteps.detection import load_detector, open_detector
from reefsteps.detection.manifest import FORMAT, FileIdentity, Manifest
from reefsteps.detection.map_engine import with_map_settings
from reefsteps.detection.map_head import PREFIX, read_head
from reefsteps.errors import UnsupportedModelError
from reefsteps.model_roles import ModelRole

CONVERTER_VERSION = "1.4"
PRECISIONS = ("auto", "fp32", "fp16", "int8")
_CHECK_SHAPE = (320, 416)  # no multiples of 64, so padding takes part


def convert(
    checkpoint: Path,
    config_dump: Path | None,
    target: Path,
    *,
    evaluation: Path | None = None,
    classes: Path | None = None,
    precision: str = "fp32",
    photos: Photos = (),
    role: ModelRole | None = None,
    threads: int | None = None,
    time_limit_s: float | None = None,
    earlier: Earlier | None = None,
) -> Manifest:
    """Write ``<name>.onnx`` and ``<name>.json`` into ``target`` and return the manifest.

    A ``precision`` other than fp32 is used only when its detections agree with those of fp32. They are compared on
    ``photos``, BGR uint8 pictures as the model will see them. The manifest says how well they agree, or why it is not
    used. ``auto`` searches for the fastest variant with the same results. What these are depends on ``role``, which may
    be None for names that begin with a standard name. After ``time_limit_s`` no further variant is begun, and the next
    call goes on after the ``earlier`` trials. ``evaluation`` is a file of measured errors that goes into the manifest,
    ``classes`` says which classes count. A file that belongs to another checkpoint is used for nothing, and the
    manifest records it. Raises UnsupportedModelError, with the files in ``target`` untouched.
    """
    name = checkpoint.stem
    source = FileIdentity.of(checkpoint)
    role = role or next((known for known in ModelRole if name.startswith(known.model_name)), None)
    if precision == "auto" and role is None:
        raise UnsupportedModelError(f"Say what '{name}' is to find, frame or coral: results are judged by that.")
    read = read_checkpoint(checkpoint)
    config, bound, config_notes = _configuration(name, config_dump, read.tensors)
    head = read_head(read.tensors)
    tensors = {key: value for key, value in read.tensors.items() if not key.startswith(PREFIX)}
    weights, differences = checked_buffers(tensors, config, bound=bound)
    architecture = recognise(weights, config)
    config, counted, class_notes = _counted(config, classes, source.sha256)
    if head and (role is ModelRole.FRAME or len(config.class_names) > 1):
        raise UnsupportedModelError("A map of coral belongs to a coral model of one class. Remove its tensors.")
    measured, refused_evaluation = accepted(evaluation, source.sha256)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".conversion-", dir=target) as scratch:
        exact = Path(scratch) / "fp32.onnx"
        network = build(weights, architecture, config)
        if head:
            network = map_network(network, head, name, rgb=config.rgb, folder=Path(scratch))
        onnx.save(network, str(exact))
        manifest = Manifest(
            format=FORMAT,
            name=name,
            architecture=f"map of coral on the backbone of {architecture}" if head else str(architecture),
            classes=config.class_names,
            precision="fp32",
            min_size_test=config.min_size_test,
            max_size_test=config.max_size_test,
            score_threshold=config.score_threshold,
            nms_threshold=config.nms_threshold,
            detections_per_image=config.detections_per_image,
            mask_threshold=0.5,
            rgb=config.rgb,
            source=source,
            model=FileIdentity.of(exact, f"{name}.onnx"),
            config=config.origin,
            converter_version=CONVERTER_VERSION,
            measured=measured,
            refused_evaluation=refused_evaluation,
            counted=counted,
            notes=(*read.notes, *config_notes, *differences, *class_notes),
        )
        manifest = with_map_settings(manifest) if head else manifest
        _check(exact, manifest, config, threads)
        model = exact
        if precision == "auto" and role is not None:
            chosen = tuned(
                Tuned(exact, manifest, config),
                lambda built: build(weights, architecture, built),
                role,
                photos,
                threads=threads,
                time_limit_s=time_limit_s,
                earlier=earlier,
            )
            model, manifest, config = chosen.model, chosen.manifest, chosen.config
        elif precision != "fp32":
            model, manifest = _smaller(exact, manifest, precision, photos, threads)
        if model != exact:
            _check(model, manifest, config, threads)
        described = Path(scratch) / "manifest.json"
        described.write_text(manifest.dump(), "utf-8")
        load_detector(model, described, threads).detect(_test_picture())
        model.replace(target / f"{name}.onnx")
        described.replace(target / f"{name}.json")
    return manifest


def _check(model: Path, manifest: Manifest, config: ModelConfig, threads: int | None) -> None:
    if manifest.map_stride_px is None:
        self_check(model, config, threads)
    else:
        check_map(model, manifest, _test_picture(), threads)


def self_check(model: Path, config: ModelConfig, threads: int | None = None) -> None:
    """Run the graph on a test picture; raises UnsupportedModelError when what it returns cannot be right.

    At score threshold 0 every part of the network takes part; at 1 nothing is found, which must work as well.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    image = np.ascontiguousarray(_test_picture().transpose(2, 0, 1), np.float32)
    for threshold in (0.0, 1.0):
        feed = {"image": image, "score_threshold": np.array([threshold], np.float32)}
        boxes, scores, classes, masks = session.run(["boxes", "scores", "classes", "masks"], feed)
        height, width = _CHECK_SHAPE
        sound = (
            len(scores) <= (config.detections_per_image if threshold == 0 else 0)
            and bool(np.isfinite(boxes).all() and np.isfinite(masks).all())
            and bool(((scores >= 0) & (scores <= 1)).all() and ((masks >= 0) & (masks <= 1)).all())
            and bool(((boxes >= 0) & (boxes <= (width, height, width, height))).all())
            and bool(((classes >= 0) & (classes < len(config.class_names))).all())
        )
        if not sound or (threshold == 0 and not len(scores)):
            raise UnsupportedModelError(
                "The converted model failed its self-check: on a test picture it returns no or impossible detections. "
                "Check that the weights are trained and belong to this configuration. The model in use stays."
            )


def _configuration(name: str, dump: Path | None, weights: Weights) -> tuple[ModelConfig, bool, tuple[str, ...]]:
    """Return the configuration, whether it names these weights, and what there is to say about it."""
    named = bound_to(dump) if dump else None
    if dump is None:
        return model_config(name, None), False, ()
    if named is None:
        said = (
            f"{dump.name} does not say which weights it belongs to. It was compared with the names and shapes of the "
            "tensors only."
        )
        return model_config(name, dump), False, (said,)
    if named == weights_digest(weights):
        return model_config(name, dump), True, ()
    said = f"{dump.name} belongs to other weights, so it was not used."
    if name not in NAMED:
        raise UnsupportedModelError(f"{said} Upload the configuration of this checkpoint as {dump.name}.")
    return model_config(name, None), False, (f"{said} The values of {NAMED[name].origin} were used.",)


def _counted(
    config: ModelConfig, classes: Path | None, checkpoint_sha256: str
) -> tuple[ModelConfig, tuple[str, ...] | None, tuple[str, ...]]:
    """Return the configuration with the classes' names, those that count (None: all), and what there is to say.

    Raises UnsupportedModelError for a model of several classes when no file names those that count.
    """
    count = len(config.class_names)
    said = ""
    if classes is not None:
        try:
            chosen = read_classes(classes)
        except UnsupportedModelError as error:
            said = str(error)
        else:
            if chosen.checkpoint_sha256 != checkpoint_sha256:
                said = f"{classes.name} belongs to another checkpoint, so it was not used."
            elif len(chosen.names) != count:
                said = f"{classes.name} names {len(chosen.names)} classes, the model tells {count} apart."
            else:
                return dataclasses.replace(config, class_names=chosen.names), chosen.counted, ()
    if count > 1:
        raise UnsupportedModelError(
            f"{said} The model tells {count} classes apart, and no file names those that count. Upload "
            f"<name>.classes.json with all {count} names in the order of training, such as "
            f"{example(checkpoint_sha256, count)}.".strip()
        )
    return config, None, (said,) if said else ()


def _smaller(
    exact: Path, manifest: Manifest, precision: str, photos: Photos, threads: int | None
) -> tuple[Path, Manifest]:
    """Return the smallest variant of that precision that agrees with the exact model, else the exact one and why."""
    if not photos:
        return exact, dataclasses.replace(manifest, refused_variant=f"{precision}: no photographs to compare it on.")
    smaller = exact.with_name("smaller.onnx")
    reference = open_detector(exact, manifest, threads)
    agreement, reason = None, None
    for index in distinct_scopes(exact) if precision == "int8" else (0,):
        if precision == "int8":
            quantised(exact, smaller, manifest, photos, SCOPES[index])
        else:
            half_weights(exact, smaller)
        candidate = dataclasses.replace(
            manifest, precision=precision, model=FileIdentity.of(smaller, manifest.model.file)
        )
        agreement = compare(reference, open_detector(smaller, candidate, threads), photos)
        reason = rejection_reason(agreement)
        if reason is None:
            return smaller, dataclasses.replace(candidate, agreement=agreement)
    return exact, dataclasses.replace(manifest, agreement=agreement, refused_variant=f"{precision}: {reason}")


def _test_picture() -> ByteArray:
    """Return a BGR picture with edges at many scales and places."""
    height, width = _CHECK_SHAPE
    rows, columns = np.mgrid[0:height, 0:width]
    texture = np.random.default_rng(0).integers(0, 64, (height, width, 3))
    rings = 96 * (np.hypot(rows - height / 2, columns - width / 2) // 24 % 2)
    checks = 64 * ((rows // 40 + columns // 40) % 2)
    return np.asarray(texture + (rings + checks)[:, :, None] + 31, np.uint8)
