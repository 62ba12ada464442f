"""A photograph that a model learned from is recognised by content, by key and version, and by name; no other is."""

from __future__ import annotations

import pytest

from reefsteps.learned import LearnedFrom, LearnedPhotograph, Photograph

SHA, OTHER = "5e" * 32, "7a" * 32
PHOTO = Photograph("2006-Takapoto-03.jpg", "v1", SHA, "Tak06 quadrat 3.JPG")


@pytest.mark.parametrize(
    "entry",
    [
        LearnedPhotograph(sha256=SHA),
        LearnedPhotograph(sha256=SHA, name="another name.jpg"),
        LearnedPhotograph(key="2006-Takapoto-03.jpg", version_id="v1"),
        LearnedPhotograph(key="2006-Takapoto-03.jpg"),
        LearnedPhotograph(sha256=OTHER, name="tak06 quadrat 3.png"),  # a copy of another size or format
        LearnedPhotograph(name="2006-Takapoto-3.jpg"),  # a picture that was taken from here for training
    ],
)
def test_a_photograph_is_recognised(entry: LearnedPhotograph) -> None:
    assert LearnedFrom([LearnedPhotograph(sha256="00" * 32), entry]).entry(PHOTO) is entry


@pytest.mark.parametrize(
    ("entry", "photo"),
    [
        (LearnedPhotograph(sha256=OTHER), PHOTO),
        (LearnedPhotograph(key="2006-Takapoto-03.jpg", version_id="v0"), PHOTO),  # it was replaced since
        (LearnedPhotograph(key="2006-Takapoto-03.jpg", version_id="v0", name="2006-Takapoto-03.jpg"), PHOTO),
        (LearnedPhotograph(name="2006-Takapoto-04.jpg"), PHOTO),
        (LearnedPhotograph(OTHER, "DSC_0001.JPG"), Photograph("2006-A-01.jpg", None, SHA, "DSC_0001.JPG")),
        (LearnedPhotograph(OTHER, "quadrat 7.jpg"), Photograph("2006-A-07.jpg", None, SHA, "quadrat 7.jpg")),
        (LearnedPhotograph(OTHER, "P1010123.JPG"), Photograph("2006-A-01.jpg", None, None, "P1010123.JPG")),
        (LearnedPhotograph(OTHER, "IMG_0001 (2).jpg"), Photograph("2006-A-01.jpg", None, None, "IMG_0001 (2).jpg")),
    ],
)
def test_another_photograph_is_not(entry: LearnedPhotograph, photo: Photograph) -> None:
    assert LearnedFrom([entry]).entry(photo) is None


def test_of_two_entries_the_first_counts() -> None:
    own, parents = LearnedPhotograph(SHA, left_out_cover_percent=12.0), LearnedPhotograph(SHA)
    assert LearnedFrom([own, parents]).entry(PHOTO) is own
