"""Checkpoints as other trainers write them: old buffers, wrappers, averages, the model zoo, several classes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversion.binding import bind, bound_to, weights_digest
from conversion.buffers import cell_anchors, checked_buffers
from conversion.checkpoint import read_checkpoint, read_weights
from conversion.config import model_config
from conversion.convert import convert
from reefsteps.detection import Manifest
from reefsteps.errors import UnsupportedModelError
from tests.support import checkpoints as make

State = dict[str, np.ndarray[Any, Any]]
ANCHORS = "proposal_generator.anchor_generator.cell_anchors"
SMALL: State = {"backbone.w": np.arange(6, dtype=np.float32).reshape(2, 3), "head.b": np.ones(2, np.float32)}


def buffers(folder: Path, dtype: str = "f4") -> State:
    """Return the buffers that detectron2 0.1 saved, for the configuration of ``config_dump``."""
    config = model_config("m", make.config_dump(folder / "buffers.yaml"))
    found = {f"{ANCHORS}.{level}": cell_anchors(config, level).astype(dtype) for level in range(5)}
    found["pixel_mean"] = np.array(config.pixel_mean, dtype).reshape(3, 1, 1)
    found["pixel_std"] = np.ones((3, 1, 1), dtype)
    return found


def converted(folder: Path, state: State, **changes: Any) -> Manifest:
    path = make.write_checkpoint(folder / "m.pth", state)
    return convert(path, make.config_dump(folder / "m.yaml", **changes), folder / "out")


# detectron2 saved all of them up to 0.1, the anchors up to 0.5; half precision is what our own export writes
@pytest.mark.parametrize("dtype", ["f4", "f2", "f8"])
@pytest.mark.parametrize("saved", ["all", "anchors", "mean and std"])
def test_buffers_that_agree_are_left_out(tmp_path: Path, saved: str, dtype: str) -> None:
    kept = {
        name: values
        for name, values in buffers(tmp_path, dtype).items()
        if saved == "all" or name.startswith("pixel_") == (saved == "mean and std")
    }
    config = model_config("m", make.config_dump(tmp_path / "m.yaml"))
    weights, notes = checked_buffers(SMALL | kept, config, bound=False)
    assert weights.keys() == SMALL.keys()
    assert notes == ()


def test_a_checkpoint_with_buffers_becomes_the_same_model(tmp_path: Path) -> None:
    state = make.random_mask_rcnn()
    plain = converted(tmp_path, state)
    with_buffers = converted(tmp_path, state | buffers(tmp_path))
    assert with_buffers.model.sha256 == plain.model.sha256
    assert with_buffers.notes == plain.notes


@pytest.mark.parametrize(
    ("change", "values"),
    [
        ({"MODEL.PIXEL_STD": [57.375, 57.12, 58.395]}, ("'pixel_std' is (1, 1, 1)", "(57.375, 57.12, 58.395)")),
        ({"MODEL.PIXEL_MEAN": [123.675, 116.28, 103.53]}, ("'pixel_mean' is (103.53, 116.28, 123.675)", "(123.675")),
        (
            {"MODEL.ANCHOR_GENERATOR.SIZES": [[16], [32], [64], [128], [256]]},
            (f"'{ANCHORS}.0' is (-22.6274, -11.3137", "(-11.3137, -5.65685", "(and 4 more)"),
        ),
        (
            {"MODEL.ANCHOR_GENERATOR.ASPECT_RATIOS": [[0.5, 1.0, 3.0]]},
            (f"'{ANCHORS}.0' is (-22.6274, -11.3137, 22.6274, 11.3137, ...)",),
        ),
    ],
)
def test_buffers_that_contradict_are_refused_with_both_values(
    tmp_path: Path, change: dict[str, Any], values: tuple[str, ...]
) -> None:
    with pytest.raises(UnsupportedModelError) as error:
        converted(tmp_path, make.random_mask_rcnn() | buffers(tmp_path), **change)
    for value in (*values, "(m.yaml)", "upload the config.yaml"):
        assert value in str(error.value)


def test_anchors_of_a_level_that_is_not_there_are_refused(tmp_path: Path) -> None:
    more = {f"{ANCHORS}.5": np.ones((3, 4), np.float32)}
    with pytest.raises(UnsupportedModelError, match=r"cell_anchors\.5' is \(1, .*missing in the configuration"):
        converted(tmp_path, make.random_mask_rcnn() | buffers(tmp_path) | more)


def test_a_configuration_that_names_the_weights_counts_more_than_their_buffers(tmp_path: Path) -> None:
    path = make.write_checkpoint(tmp_path / "m.pth", make.random_mask_rcnn())
    dump = make.config_dump(tmp_path / "m.yaml")
    bind(dump, path)
    plain = convert(path, dump, tmp_path / "out")
    make.write_checkpoint(path, make.random_mask_rcnn() | {"pixel_std": np.full((3, 1, 1), 58, np.float32)})
    manifest = convert(path, dump, tmp_path / "out")
    assert manifest.model.sha256 == plain.model.sha256
    assert manifest.notes == (
        "'pixel_std' is (58, 58, 58) in the checkpoint and (1, 1, 1) in the configuration (m.yaml). The configuration "
        "names these weights, so its values are used, as detectron2 0.6 does.",
    )


def test_an_unbound_configuration_is_used_and_said_to_be_so(tmp_path: Path) -> None:
    assert converted(tmp_path, make.random_mask_rcnn()).notes == (
        "m.yaml does not say which weights it belongs to. It was compared with the names and shapes of the tensors "
        "only.",
    )


def test_a_configuration_of_other_weights_is_refused_where_no_other_is_known(tmp_path: Path) -> None:
    path = make.write_checkpoint(tmp_path / "m.pth", make.random_mask_rcnn(seed=1))
    dump = make.config_dump(tmp_path / "m.yaml")
    bind(dump, make.write_checkpoint(tmp_path / "before.pth", make.random_mask_rcnn(seed=2)))
    with pytest.raises(UnsupportedModelError, match=r"m\.yaml belongs to other weights"):
        convert(path, dump, tmp_path / "out")


def test_saving_again_without_the_optimizer_keeps_the_configuration(tmp_path: Path) -> None:
    full = make.write_checkpoint(tmp_path / "full.pth", SMALL, extra=make.dictionary({"lr": make.number(1)}))
    dump = make.config_dump(tmp_path / "m.yaml")
    bind(dump, full)
    bind(dump, full)  # in place of the first
    assert dump.read_text("utf-8").count("reefsteps") == 1
    for again in (make.write_legacy(tmp_path / "a.pth", SMALL), make.write_zoo(tmp_path / "a.pkl", SMALL)):
        assert bound_to(dump) == weights_digest(read_weights(again))
    other = make.write_checkpoint(tmp_path / "other.pth", SMALL | {"head.b": np.zeros(2, np.float32)})
    assert bound_to(dump) != weights_digest(read_weights(other))


def nested(path: Path, content: dict[str, State]) -> Path:
    """Write a checkpoint of several state dicts."""
    tensors: list[bytes] = []
    items = {}
    for key, state in content.items():
        inner = {}
        for name, values in state.items():
            strides = make.contiguous(values.shape)
            inner[name] = make.tensor_opcodes(
                make.STORAGES[values.dtype.str[1:]], str(len(tensors)), values.size, values.shape, strides
            )
            tensors.append(values.tobytes())
        items[key] = make.dictionary(inner)
    return make.write_archive(path, make.dictionary(items), {str(i): data for i, data in enumerate(tensors)})


def prefixed(prefix: str, state: State) -> State:
    return {f"{prefix}{name}": values for name, values in state.items()}


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.", "_orig_mod.module.", "model.module."])
def test_wrapped_weights_are_the_same_weights(tmp_path: Path, key: str, prefix: str) -> None:
    read = read_checkpoint(nested(tmp_path / "m.pth", {key: prefixed(prefix, SMALL), "scheduler": {}}))
    assert read.tensors.keys() == SMALL.keys()
    assert read.notes == ()


@pytest.mark.parametrize("content", [{"model": True}, {"module": True}, {}], ids=["model", "DeepSpeed", "the file"])
def test_weights_of_an_averaged_model_are_the_same_weights(tmp_path: Path, content: dict[str, bool]) -> None:
    """torch.optim.swa_utils.AveragedModel counts the models beside the wrapped weights."""
    state = prefixed("module.", SMALL) | {"n_averaged": np.array(5, np.int64)}
    if content:
        path = nested(tmp_path / "m.pth", dict.fromkeys(content, state))
    else:
        path = make.write_legacy(tmp_path / "m.pth", state)
    assert read_weights(path).keys() == SMALL.keys()


def test_an_average_alone_is_the_model(tmp_path: Path) -> None:
    read = read_checkpoint(nested(tmp_path / "m.pth", {"ema_state_dict": prefixed("module.", SMALL), "epoch": {}}))
    assert read.tensors.keys() == SMALL.keys()
    assert read.notes == ("The exponential moving average is used: 'ema_state_dict', the only weights in m.pth.",)


def test_an_average_without_names_is_said_to_be_unused(tmp_path: Path) -> None:
    shadow = make.dictionary({"decay": make.number(1), "shadow_params": b"]"})
    path = make.write_archive(
        tmp_path / "m.pth",
        make.dictionary({"model": make.state_opcodes(SMALL), "ema": shadow}),
        {str(number): values.tobytes() for number, values in enumerate(SMALL.values())},
    )
    assert read_checkpoint(path).notes == (
        "The average 'ema' in m.pth names no weights, so the weights 'model' are used.",
    )


@pytest.mark.parametrize("names", [("teacher.", "student."), ("modelTeacher.", "modelStudent.")])
def test_a_teacher_and_a_student_are_two_models(tmp_path: Path, names: tuple[str, str]) -> None:
    state = prefixed(names[0], SMALL) | prefixed(names[1], SMALL)
    with pytest.raises(UnsupportedModelError, match="two models, a teacher and a student"):
        read_weights(nested(tmp_path / "m.pth", {"model": state}))


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("argparse", "Namespace"),
        ("yacs.config", "CfgNode"),
        ("omegaconf.dictconfig", "DictConfig"),
        ("pathlib", "PosixPath"),
        ("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"),
    ],
)
def test_what_training_scripts_keep_beside_the_weights_is_no_danger(tmp_path: Path, module: str, kind: str) -> None:
    arguments = make.name(module, kind) + b")\x81" + make.dictionary({"lr": make.number(1)}) + b"b"
    assert read_weights(make.write_checkpoint(tmp_path / "m.pth", SMALL, arguments)).keys() == SMALL.keys()


def test_a_prefix_that_only_some_names_have_stays(tmp_path: Path) -> None:
    state = {"module.backbone.w": np.zeros(1, np.float32), "head.b": np.zeros(1, np.float32)}
    assert read_weights(make.write_checkpoint(tmp_path / "m.pth", state)).keys() == state.keys()


@pytest.mark.parametrize("key", ["ema_state", "model_ema", "state_dict_ema", "ema", "average"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_average_is_the_model_where_there_is_one(tmp_path: Path, key: str, prefix: str) -> None:
    statistics: State = {"backbone.norm.running_mean": np.full(2, 3, np.float32)}
    average = {name: values + 1 for name, values in SMALL.items()}
    content = {"model": SMALL | statistics, key: prefixed(prefix, average)}
    read = read_checkpoint(nested(tmp_path / "m.pth", content))
    np.testing.assert_array_equal(read.tensors["head.b"], [2, 2])
    np.testing.assert_array_equal(read.tensors["backbone.norm.running_mean"], [3, 3])
    assert read.notes == (f"The exponential moving average is used: '{key}' in m.pth, not the last weights 'model'.",)


def test_an_average_that_lacks_weights_is_not_used(tmp_path: Path) -> None:
    read = read_checkpoint(nested(tmp_path / "m.pth", {"model": SMALL, "ema": {"backbone.w": SMALL["backbone.w"] + 1}}))
    np.testing.assert_array_equal(read.tensors["backbone.w"], SMALL["backbone.w"])
    assert read.notes == ("The average 'ema' in m.pth lacks 'head.b', so the weights 'model' are used.",)


ARRAYS: State = {
    "backbone.a": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "b.fortran": np.asfortranarray(np.arange(6, dtype=np.float64).reshape(2, 3)),
    "c.count": np.array(7, np.int64),
    "d.half": np.array([0.5, -2], np.float16),
    "e.big": np.array([1.5, 3], ">f4"),
    "f.empty": np.zeros((0, 3), np.float32),
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_model_zoo_file_is_read_without_unpickling(tmp_path: Path, protocol: int) -> None:
    read = read_weights(make.write_zoo(tmp_path / "m.pkl", ARRAYS, protocol))
    assert read.keys() == ARRAYS.keys()
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(read[name], values)
        assert read[name].dtype == values.dtype


def test_a_model_zoo_file_becomes_the_same_model(tmp_path: Path) -> None:
    state = make.random_mask_rcnn() | buffers(tmp_path)
    plain = converted(tmp_path, state)
    zoo = convert(make.write_zoo(tmp_path / "m.pkl", state), tmp_path / "m.yaml", tmp_path / "zoo")
    assert zoo.model.sha256 == plain.model.sha256
    assert zoo.source.file == "m.pkl"


def test_a_backbone_of_the_zoo_is_called_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps({"conv1_w": np.zeros((64, 3, 7, 7), np.float32)}, 2))
    with pytest.raises(UnsupportedModelError, match="Only detectron2's Mask R-CNN"):
        convert(path, make.config_dump(tmp_path / "m.yaml"), tmp_path / "out")


class Bomb:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        import os

        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_bomb_in_a_zoo_file_is_not_run(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "m.pkl"
    path.write_bytes(pickle.dumps({"model": SMALL, "x": Bomb(tmp_path / "ran")}, protocol))
    with pytest.raises(UnsupportedModelError, match="nothing was run"):
        read_weights(path)
    assert not (tmp_path / "ran").exists()


def test_an_array_of_objects_is_refused(tmp_path: Path) -> None:
    path = make.write_zoo(tmp_path / "m.pkl", {"backbone.a": np.array([None, {}], object)})
    with pytest.raises(UnsupportedModelError, match="no type that weights have"):
        read_weights(path)


@settings(max_examples=150, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), protocol=st.sampled_from([2, 4, 5]))
def test_a_damaged_zoo_file_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, place: float, value: int, protocol: int
) -> None:
    path = make.write_zoo(tmp_path_factory.mktemp("zoo") / "m.pkl", ARRAYS, protocol)
    content = bytearray(path.read_bytes())
    content[int(len(content) * place)] = value
    path.write_bytes(content)
    try:
        read_weights(path)
    except UnsupportedModelError as error:
        assert str(error)


def sizes_again_and_again(path: Path) -> None:
    """A list of 100 000 numbers of which torch.Size makes a tuple 100 000 times: 80 GB."""
    numbers = b"](" + b"K\x01" * 100_000 + b"eq\x00"
    copies = make.name("torch", "Size") + b"q\x01" + b"0" + b"](" + b"h\x01h\x00\x85R" * 100_000 + b"e"
    make.write_archive(path, numbers + b"0" + copies, {})


def shapes_again_and_again(path: Path) -> None:
    tensor = make.tensor_opcodes("FloatStorage", "0", 1, (1,) * 20_000, (1,) * 20_000) + b"q\x05"
    make.write_archive(path, b"}(" + make.text("a") + tensor + b"u", {"0": bytes(4)})


def one_storage_for_all(path: Path) -> None:
    """200 views of one storage: 0.8 GB of weights in a file of 4 MB."""
    tensor = make.tensor_opcodes("BFloat16Storage", "0", 1_000_000, (1_000_000,), (1,))
    make.write_archive(path, make.dictionary({f"t{i}": tensor for i in range(190)}), {"0": bytes(2_000_000)})


def wide_text(path: Path) -> None:
    """Text that Python keeps in four bytes a character because of its last one."""
    text = make.text("a" * 4_000_000 + "\U0001f41f")
    make.write_archive(path, b"](" + text * 3 + b"e", {})


HUNGRY = (sizes_again_and_again, shapes_again_and_again, one_storage_for_all, wide_text)
_MEASURE = """
import resource, sys
from pathlib import Path
from conversion.checkpoint import read_weights
from reefsteps.errors import UnsupportedModelError
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    read_weights(Path(sys.argv[1]))
except UnsupportedModelError as error:
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024, error)
"""


@pytest.mark.parametrize("write", HUNGRY, ids=lambda write: write.__name__)
def test_a_small_file_never_becomes_much_memory(tmp_path: Path, write: Any) -> None:
    write(tmp_path / "m.pth")
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(tmp_path / "m.pth")],
        env={"PYTHONPATH": str(root / "functions")},
        capture_output=True,
        text=True,
        check=True,
    )
    grown_mb, _, message = ended.stdout.partition(" ")
    assert message
    assert int(grown_mb) < 200
