"""What tests/data/inference holds: outputs of detectron2, written by tests/parity/store_outputs.py."""

from __future__ import annotations

from pathlib import Path

STORED = Path(__file__).parents[1] / "data" / "inference"
PICTURES = ((97, 140, 1), (213, 128, 2), (150, 150, 3), (40, 300, 4))  # height, width, seed
MODELS = ((50, 1, "BN", 5), (101, 1, "BN", 7), (50, 2, "GN", 6))  # depth, classes, norm, seed
RESIZED = ((37, 53, 20, 29), (37, 53, 64, 91), (60, 40, 61, 40))  # height and width, before and after
