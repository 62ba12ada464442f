"""Which pixels the outlines of an export are drawn on, for photographs that the camera stored turned.

CVAT, LabelMe and Label Studio show a photograph upright (EXIF orientation applied), and people draw on what they see.
CVAT and labelme2coco write upright sizes and coordinates. Label Studio's converter (label-studio-sdk 2.1.2) multiplies
the upright percentages by the sizes as stored (HumanSignal/label-studio#6608). Outlines of photographs that lie on
their side come out squeezed. If a file is Label Studio's, this module undoes that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import ExifTags, Image, TiffImagePlugin

_QUARTER_TURNS = (5, 6, 7, 8)
_LABEL_STUDIO = ("Label Studio", "Label Studio Converter")  # info.contributor of its exports


@dataclass(frozen=True)
class Sizes:
    """A photograph's (width, height) in pixels, as people see it and as the file stores it."""

    upright: tuple[int, int]
    stored: tuple[int, int]


class SizeError(ValueError):
    """The sizes in an export do not tell which pixels its outlines are drawn on."""


def sizes(path: Path) -> Sizes:
    """Return a photograph's sizes from its header; raises OSError for what is no picture."""
    with Image.open(path) as picture:
        width, height = picture.size
        if isinstance(picture, TiffImagePlugin.TiffImageFile):  # its size is upright in newer versions of Pillow
            width, height = int(picture.tag_v2[256]), int(picture.tag_v2[257])
        turned = picture.getexif().get(ExifTags.Base.Orientation) in _QUARTER_TURNS
    return Sizes((height, width) if turned else (width, height), (width, height))


def is_label_studio(info: object) -> bool:
    """Say whether the ``info`` of an export is Label Studio's."""
    return isinstance(info, dict) and info.get("contributor") in _LABEL_STUDIO


def scale_to_upright(annotated: tuple[int, int], found: Sizes, *, label_studio: bool) -> tuple[float, float]:
    """Return by what to multiply x and y of outlines for an ``annotated`` (width, height), to get upright pixels.

    Raises SizeError where that is not certain.
    """
    if annotated == found.upright:
        return 1.0, 1.0
    if annotated != found.stored:
        raise SizeError(
            f"it is {_shown(found.upright)} pixels, the annotations say {_shown(annotated)}: annotate the same file "
            "that is trained on"
        )
    if label_studio:
        return found.upright[0] / annotated[0], found.upright[1] / annotated[1]
    raise SizeError(
        f"the annotations say {_shown(annotated)} pixels, as the file stores them, but upright it is "
        f"{_shown(found.upright)}: nothing says on which of the two the outlines are drawn. Save the photograph "
        "upright (without EXIF orientation) and export again"
    )


def _shown(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
