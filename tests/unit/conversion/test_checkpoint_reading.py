"""Checkpoints are read without torch, exactly, and whatever is in the file."""

from __future__ import annotations

import pickle
import resource
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conversion.checkpoint import read_weights
from conversion.inert_pickle import read_pickle
from reefsteps.errors import UnsupportedModelError
from tests.support import checkpoints as make

STATE: dict[str, np.ndarray[Any, Any]] = {
    "a.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
    "b.half": np.array([0.5, -2], np.float16),
    "c.count": np.array(7, np.int64),
    "d.double": np.linspace(0, 1, 5),
}


@pytest.mark.parametrize("write", [make.write_checkpoint, make.write_legacy])
def test_both_formats_give_the_tensors_back(tmp_path: Path, write: Any) -> None:
    read = read_weights(write(tmp_path / "model.pth", STATE))
    assert list(read) == list(STATE)
    for name, values in STATE.items():
        assert read[name].dtype == values.dtype
        np.testing.assert_array_equal(read[name], values)


def test_strides_and_offset_are_obeyed(tmp_path: Path) -> None:
    opcodes = make.dictionary({"t": make.tensor_opcodes("FloatStorage", "0", 12, (3, 2), (1, 4), offset=2)})
    values = np.arange(12, dtype=np.float32)
    path = make.write_archive(tmp_path / "m.pth", opcodes, {"0": values.tobytes()})
    np.testing.assert_array_equal(read_weights(path)["t"], [[2, 6], [3, 7], [4, 8]])


def test_bfloat16_becomes_float32(tmp_path: Path) -> None:
    opcodes = make.dictionary({"t": make.tensor_opcodes("BFloat16Storage", "0", 2, (2,), (1,))})
    upper_halves = (np.array([1.5, -3], np.float32).view(np.uint32) >> 16).astype(np.uint16)
    path = make.write_archive(tmp_path / "m.pth", opcodes, {"0": upper_halves.tobytes()})
    np.testing.assert_array_equal(read_weights(path)["t"], np.array([1.5, -3], np.float32))


def test_an_optimizers_foreign_objects_are_skipped(tmp_path: Path) -> None:
    scalar = make.name("numpy.core.multiarray", "scalar") + b"(" + make.number(1) + make.text("x") + b"tR"
    default = make.name("collections", "defaultdict") + b"(" + make.name("builtins", "dict") + b"tR"
    made = make.name("fvcore.common.param_scheduler", "CosineParamScheduler") + b")\x81" + b"}b"
    extra = make.dictionary({"lr": scalar, "state": default, "schedule": made})
    read = read_weights(make.write_checkpoint(tmp_path / "m.pth", STATE, extra))
    assert read.keys() == STATE.keys()


class Bomb:
    """Runs a command when unpickled by Python."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        import os

        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("where", ["bare", "in a zip", "in an optimizer"])
def test_a_pickle_bomb_is_refused_by_name_and_not_run(tmp_path: Path, where: str) -> None:
    marker, path = tmp_path / "ran", tmp_path / "m.pth"
    payload = pickle.dumps({"model": Bomb(marker)}, protocol=2)
    if where == "bare":
        path.write_bytes(payload)
    elif where == "in a zip":
        make.write_archive(path, payload[2:-1], {})
    else:
        make.write_checkpoint(path, STATE, pickle.dumps(Bomb(marker), protocol=2)[2:-1])
    with pytest.raises(UnsupportedModelError, match=r"asks to run '(posix|nt|os).system'"):
        read_weights(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "opcodes",
    [
        make.name("builtins", "eval") + b"(" + make.text("1/0") + b"tR",
        make.name("builtins", "getattr") + b")R",
        make.name("subprocess", "Popen") + b")R",
        b"(S'id'\nios\nsystem\n",
        b"\x82\x01",
    ],
    ids=["eval", "getattr", "Popen", "INST", "extension registry"],
)
def test_dangerous_names_and_opcodes_are_refused(tmp_path: Path, opcodes: bytes) -> None:
    with pytest.raises(UnsupportedModelError, match=r"nothing was run|never write|damaged"):
        read_weights(make.write_archive(tmp_path / "m.pth", opcodes, {}))


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [((4,), (1,), 1), ((2, 2), (3, 1), 0), ((10**6, 10**6), (0, 0), 0), ((5,), (0,), 0), ((4,), (2,), 0)],
    ids=["offset", "stride", "expanded to terabytes", "expanded", "every second"],
)
def test_tensors_that_leave_their_storage_are_refused(
    tmp_path: Path, shape: tuple[int, ...], strides: tuple[int, ...], offset: int
) -> None:
    opcodes = make.dictionary({"t": make.tensor_opcodes("FloatStorage", "0", 4, shape, strides, offset)})
    path = make.write_archive(tmp_path / "m.pth", opcodes, {"0": bytes(16)})
    with pytest.raises(UnsupportedModelError, match=r"beyond its storage|parameters"):
        read_weights(path)


@pytest.mark.parametrize("part", [(-1,), (2, -2)])
def test_negative_shapes_are_refused(tmp_path: Path, part: tuple[int, ...]) -> None:
    opcodes = make.dictionary({"t": make.tensor_opcodes("FloatStorage", "0", 4, part, part)})
    with pytest.raises(UnsupportedModelError, match="damaged"):
        read_weights(make.write_archive(tmp_path / "m.pth", opcodes, {"0": bytes(16)}))


def test_a_storage_shorter_than_it_says_is_refused(tmp_path: Path) -> None:
    opcodes = make.dictionary({"t": make.tensor_opcodes("FloatStorage", "0", 400, (2,), (1,))})
    with pytest.raises(UnsupportedModelError, match="shorter than it says"):
        read_weights(make.write_archive(tmp_path / "m.pth", opcodes, {"0": bytes(16)}))


def test_a_zip_bomb_is_refused(tmp_path: Path) -> None:
    opcodes = make.dictionary({"t": make.tensor_opcodes("FloatStorage", "0", 1 << 26, (1 << 26,), (1,))})
    path = make.write_archive(tmp_path / "m.pth", opcodes, {"0": bytes(1 << 28)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(UnsupportedModelError, match="compressed"):
        read_weights(path)


def test_an_endless_pickle_and_a_huge_memo_cost_neither_time_nor_memory(tmp_path: Path) -> None:
    started, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    endless = make.write_archive(tmp_path / "endless.pth", b"N0" * 3_000_000, {})
    with pytest.raises(UnsupportedModelError, match="too much besides"):
        read_weights(endless)
    memo = make.write_archive(tmp_path / "memo.pth", b"Nr\xff\xff\xff\xff" + b"0}", {})
    with pytest.raises(UnsupportedModelError, match="no state dict"):
        read_weights(memo)
    nested = make.write_archive(tmp_path / "nested.pth", b"}N" + b"\x85" * 300_000 + b"Ns", {})
    with pytest.raises(UnsupportedModelError, match="no state dict"):
        read_weights(nested)
    assert time.process_time() - started < 10
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # kB


def test_an_archive_of_a_million_entries_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.pth"
    path.write_bytes(
        b"PK\x03\x04" + bytes(60) + b"PK\x05\x06" + bytes(4) + b"\xff" * 4 + (80 << 20).to_bytes(4, "little") + bytes(6)
    )
    with pytest.raises(UnsupportedModelError, match="no checkpoint"):
        read_weights(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "0 bytes"), (b"not a model at all", "no torch checkpoint"), (pickle.dumps({"a": 1}, 2), "no torch")],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "m.pth"
    path.write_bytes(content)
    with pytest.raises(UnsupportedModelError, match=message):
        read_weights(path)


def test_a_whole_saved_model_is_refused(tmp_path: Path) -> None:
    opcodes = make.dictionary({"model": make.name("torch.nn", "Module") + b")\x81"})
    with pytest.raises(UnsupportedModelError, match="no state dict"):
        read_weights(make.write_archive(tmp_path / "m.pth", opcodes, {}))


@settings(max_examples=60, deadline=None)
@given(cut=st.floats(0, 1, exclude_max=True), legacy=st.booleans())
def test_a_truncated_file_is_refused(tmp_path_factory: pytest.TempPathFactory, cut: float, legacy: bool) -> None:
    path = tmp_path_factory.mktemp("cut") / "m.pth"
    content = (make.write_legacy if legacy else make.write_checkpoint)(path, STATE).read_bytes()
    path.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(UnsupportedModelError):
        read_weights(path)


@settings(max_examples=200, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255), legacy=st.booleans())
def test_a_damaged_byte_never_raises_anything_else(
    tmp_path_factory: pytest.TempPathFactory, place: float, value: int, legacy: bool
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "m.pth"
    content = bytearray((make.write_legacy if legacy else make.write_checkpoint)(path, STATE).read_bytes())
    content[int(len(content) * place)] = value
    path.write_bytes(content)
    try:
        read_weights(path)
    except UnsupportedModelError as error:
        assert str(error)


def test_a_type_that_is_no_text_is_not_written_out() -> None:
    twice = make.text("f4") + b"q\x00h\x00\x86"
    pickle = b"\x80\x02" + make.name("numpy", "dtype") + twice + b"\x85R."
    assert read_pickle(pickle).value.code == ""
