"""Which weights of a checkpoint are the model's, and by which names.

Trainers keep the weights under one of several keys, and prefix the names when they wrap the model. Some keep a second
copy: a running average (EMA) of the weights. The rules, in this order:

1. The weights are under ``model``, ``state_dict``, ``model_state``, ``model_state_dict`` or ``module`` (DeepSpeed), or
   are the file itself.
2. If there is an average of them as well, that is the model: a trainer keeps it to evaluate and to deploy it. It must
   have every trained tensor. Statistics of batch normalisation that it lacks are the model's. An average may also be
   all that there is.
3. Prefixes that all names share (``module.`` of DataParallel, ``_orig_mod.`` of torch.compile, ``model.`` of Lightning)
   are left out, and so is torch's count of averaged models (AveragedModel's ``n_averaged``).
"""

from __future__ import annotations

import re
from typing import Any

from conversion.inert_pickle import ArrayRef, TensorRef
from reefsteps.errors import UnsupportedModelError

State = dict[str, TensorRef | ArrayRef]

_MODEL_KEYS = ("model", "state_dict", "model_state", "model_state_dict", "module")
_AVERAGE_KEYS = ("ema_state", "model_ema", "ema_model", "state_dict_ema", "ema_state_dict", "ema", "average")
_INNER_KEYS = ("module", "state_dict", "model", "shadow")  # an average that is wrapped once more
_PREFIXES = ("module.", "_orig_mod.", "model.")
_COUNT = "n_averaged"  # of torch.optim.swa_utils.AveragedModel
_TWO_MODELS = re.compile(r"(?:model)?(teacher|student)\.", re.IGNORECASE)
_BUFFER = re.compile(r".*\.(running_mean|running_var|num_batches_tracked)|pixel_(mean|std)|.*\.cell_anchors\.\d+")


def chosen_state(content: Any, file: str) -> tuple[State, tuple[str, ...]]:
    """Return the model's tensors by name, and what was chosen, in sentences; raises UnsupportedModelError."""
    outer = content if isinstance(content, dict) else {}
    key = next((key for key in _MODEL_KEYS if isinstance(outer.get(key), dict)), None)
    averages = {name: _average(outer[name]) for name in _AVERAGE_KEYS if isinstance(outer.get(name), dict)}
    if key is None:
        alone = next(((name, average) for name, average in averages.items() if average), None)
        if alone is not None:
            return alone[1], (f"The exponential moving average is used: '{alone[0]}', the only weights in {file}.",)
    model = _without_prefixes(_checked(outer[key] if key else content, file))
    notes = []
    for name, average in averages.items() if key else ():
        if not average:
            if outer[name]:
                notes.append(f"The average '{name}' in {file} names no weights, so the weights '{key}' are used.")
            continue
        missing = [tensor for tensor in model if tensor not in average and not _BUFFER.fullmatch(tensor)]
        if missing:
            notes.append(f"The average '{name}' in {file} lacks {_some(missing)}, so the weights '{key}' are used.")
            continue
        notes.append(f"The exponential moving average is used: '{name}' in {file}, not the last weights '{key}'.")
        model |= {tensor: average[tensor] for tensor in model if tensor in average}
        break
    return model, tuple(notes)


def _average(value: dict[str, Any]) -> State | None:
    inner = next((value[key] for key in _INNER_KEYS if isinstance(value.get(key), dict)), value)
    tensors = {str(name): item for name, item in inner.items() if isinstance(item, TensorRef | ArrayRef)}
    return _without_prefixes(tensors) if tensors else None


def _checked(model: Any, file: str) -> State:
    if not isinstance(model, dict) or not model:
        raise UnsupportedModelError(
            f"{file} is no torch checkpoint: it holds no state dict. Save what detectron2's trainer writes: "
            'torch.save({"model": model.state_dict()}, path).'
        )
    strange = [str(name) for name, value in model.items() if not isinstance(value, TensorRef | ArrayRef)]
    if strange:
        raise UnsupportedModelError(
            f"{file} is no torch checkpoint: it holds no state dict, {_some(strange)} are no tensors. Save "
            "model.state_dict(), not the model."
        )
    copies = {match[1].lower() for name in model if (match := _TWO_MODELS.match(str(name)))}
    if len(copies) == 2:
        raise UnsupportedModelError(
            f"{file} holds two models, a teacher and a student: save the weights of the one that you deploy."
        )
    return {str(name): tensor for name, tensor in model.items()}


def _without_prefixes(model: State) -> State:
    wrapped = {name: tensor for name, tensor in model.items() if name != _COUNT}
    found = wrapped
    for _ in range(len(_PREFIXES)):
        for prefix in _PREFIXES:
            if all(name.startswith(prefix) for name in found):
                found = {name.removeprefix(prefix): tensor for name, tensor in found.items()}
    # Only where a detectron2 model appears: 'model.0.conv.weight' is a YOLO network and is to be called so.
    return found if any(name.startswith("backbone.") for name in found) else model


def _some(names: list[str]) -> str:
    shown = ", ".join(repr(name[:80]) for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
