"""Names of pictures and tables, whatever computer wrote them."""

from __future__ import annotations

from pathlib import PurePosixPath

TABLES = ("csv", "txt", "tsv", "cpc")
"""Endings of files of points."""


def base_name(name: str) -> str:
    """Return a picture's name without its folders, which may be those of another computer."""
    return PurePosixPath(name.replace("\\", "/")).name


def picture_of(table: str) -> str:
    """Return the picture that a table without names is about: ``a/b.jpg.txt`` is about ``b.jpg``."""
    base = base_name(table)
    start, dot, ending = base.rpartition(".")
    return start if dot and ending.lower() in TABLES else base


def stem(name: str) -> str:
    """Return a picture's name without folders and ending, in small letters: how names are compared at last."""
    start, dot, _ = base_name(name).rpartition(".")
    return (start if dot else base_name(name)).casefold()
