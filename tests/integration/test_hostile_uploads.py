"""Whatever is uploaded as a model: refused by name, nothing run, within 10 s of processor time and 2 GB.

Each file is converted in a process of its own under those limits, so that a breach ends the process, not the tests.
"""

from __future__ import annotations

import os
import pickle
import resource
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support import checkpoints as make

ROOT = Path(__file__).parents[2]
CPU_S = 10
MEMORY_BYTES = 2 << 30
STATE: dict[str, np.ndarray[Any, Any]] = {"a.weight": np.zeros((2, 3), np.float32)}
NAME = "detectron2-classifier"
FLOATS = "FloatStorage"


class Bomb:
    """Makes a file when Python unpickles it."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


def a_pickle_bomb(path: Path) -> None:
    path.write_bytes(pickle.dumps({"model": Bomb(path.parent / "ran")}, protocol=2))


def a_truncated_file(path: Path) -> None:
    content = make.write_checkpoint(path, make.random_mask_rcnn(seed=1)).read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])


def another_architecture(path: Path) -> None:
    make.write_checkpoint(path, {"backbone.body.conv1.weight": np.zeros((8, 3, 7, 7), np.float32)})


def other_classes(path: Path) -> None:
    make.write_checkpoint(path, make.random_mask_rcnn(classes=3, seed=1))


def a_compressed_record(path: Path) -> None:
    opcodes = make.dictionary({"t": make.tensor_opcodes(FLOATS, "0", 1 << 26, (1 << 26,), (1,))})
    make.write_archive(path, opcodes, {"0": bytes(1 << 28)}, zipfile.ZIP_DEFLATED)


def a_huge_declared_tensor(path: Path) -> None:
    opcodes = make.dictionary({"t": make.tensor_opcodes(FLOATS, "0", 4, (1 << 30, 1 << 30), (0, 0))})
    make.write_archive(path, opcodes, {"0": bytes(16)})


def deep_nesting(path: Path) -> None:
    make.write_archive(path, b"}N" + b"\x85" * 900_000 + b"Ns", {})


def many_tiny_tensors(path: Path) -> None:
    tensor = make.tensor_opcodes(FLOATS, "0", 1, (1,), (1,))
    make.write_archive(path, make.dictionary({f"t{i}": tensor for i in range(60_000)}), {"0": bytes(4)})


def a_legacy_bomb(path: Path) -> None:
    make.write_legacy(path, STATE)
    path.write_bytes(path.read_bytes()[:40] + b"\x8d" + struct.pack("<Q", 1 << 40) + bytes(64))


HOSTILE = (
    *(a_pickle_bomb, a_truncated_file, another_architecture, other_classes, a_compressed_record),
    *(a_huge_declared_tensor, deep_nesting, many_tiny_tensors, a_legacy_bomb),
)
ALIASES = "\n".join(["a0: &a0 [x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 25))])
HOSTILE_SETTINGS = {
    "aliases": ALIASES + "\nMODEL: {}\n",
    "aliases in a value": ALIASES + "\nMODEL: {MASK_ON: *a24}\n",
    "tag": 'MODEL: !!python/object/apply:os.system ["touch {folder}/ran"]\n',
    "huge": "MODEL: [" + "0," * 600_000 + "]\n",
    "deep": "MODEL: " + "[" * 100_000 + "\n",
    "list": "- 1\n",
}


def converted(folder: Path) -> subprocess.CompletedProcess[str]:
    """Convert the folder's model as the command line does, under the limits; return how it ended."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))

    return subprocess.run(
        [sys.executable, "-m", "conversion", str(folder / f"{NAME}.pth"), "--out", str(folder / "out")],
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def assert_refused(folder: Path) -> None:
    ended = converted(folder)
    assert ended.returncode == 1, ended.stderr[-2000:]
    assert ended.stderr.startswith("UnsupportedModelError: "), ended.stderr[-2000:]
    assert len(ended.stderr) < 2000
    assert not (folder / "ran").exists()
    assert not list(folder.glob("out/*"))


@pytest.mark.parametrize("write", HOSTILE, ids=lambda write: write.__name__)
def test_a_hostile_checkpoint_is_refused(tmp_path: Path, write: Callable[[Path], None]) -> None:
    write(tmp_path / f"{NAME}.pth")
    assert_refused(tmp_path)


@pytest.mark.parametrize("name", HOSTILE_SETTINGS)
def test_hostile_settings_are_refused(tmp_path: Path, name: str) -> None:
    make.write_checkpoint(tmp_path / f"{NAME}.pth", STATE)
    text = HOSTILE_SETTINGS[name].replace("{folder}", str(tmp_path))
    (tmp_path / f"{NAME}.yaml").write_text(text, "utf-8")
    assert_refused(tmp_path)
