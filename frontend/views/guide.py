"""Help: how to photograph, name and read results; the models in use and their measured error."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from frontend import address, navigation
from frontend.components import how_sure, states
from frontend.components.text import count, plain
from frontend.domain.file_names import PATTERN_EXAMPLES
from frontend.navigation import HelpPart
from frontend.services import model_files
from reefsteps.detection import Manifest
from reefsteps.evaluation import REAL, Figure, MeasuredSet
from reefsteps.learned import LearnedPhotograph
from reefsteps.trust import trust_of

_PHOTOGRAPH = """
- Hold the camera **straight above the middle** of the frame, with the **whole frame** in the picture and some ground
  around it on every side.
- Keep hands, fins, the transect line and the buoy's rope off the frame's edges.
- Photograph at the camera's full resolution. 12 megapixels or more give about 1 mm on the ground for a 1 m frame.
- RAW (NEF) and JPEG both work. Keep the originals: ReefSteps never changes them.
- Use the same marked positions each year, and number them the same way. Change is measured position by position.
"""
_READ = """
- **Cover** is the share of the frame's inner area that the model takes for hard coral, seen from above. Coral under
  an overhang is not counted, as in any photograph.
- **Status** stands beside each figure. Verified or estimated: people's points have put it right, and it has a 95 %
  interval. Not verified: the model alone, whose error nobody knows on this reef. The other tab explains intervals.
- **SE** is the standard error of the model's mean over the quadrats of an island and year, without the model's error.
- **Paired change** uses only positions that were measured in both years; its 95 % interval is Student's t. If the
  interval holds 0, these quadrats do not show a change.
- **Colony area** is the outline from above in cm². Colonies that the frame cuts are left out of the size classes.
- **Corners set by hand** are marked as such wherever the result is shown, and in every export.
"""
_ANCHORS = """
For comparison: two trained people who read the same photographs differ by 2 to 5 percentage points (González-Rivero et
al. 2020). 81 points instead of the full outline add a standard deviation of about 3.5 points on 1 m².
"""
_NOT_MEASURED = (
    "Nobody has measured the error of this model. Before you publish, compare at least 30 of your own quadrats with "
    "figures that were read by hand. The person who trains a model writes its measured errors beside it: "
    "docs/how-to/train-a-model.md explains how."
)


def show() -> None:
    """Show the page."""
    states.title("Help", "How to photograph, how to name, how to read, and how far to trust.")
    parts = {HelpPart.GUIDE: _guide, HelpPart.INTERVALS: how_sure.show}
    names = [part.value for part in parts]
    strange = address.strangers(names, name="show")
    if strange:
        st.warning(f"Help has no part {plain(strange[-1])}. Choose one.", icon=":material/search_off:")
        with st.container(horizontal=True):
            for part in parts:
                navigation.link(navigation.to_help(part), part.value)
        return
    for tab, show_part in zip(address.tabs(names, name="show"), parts.values(), strict=True):
        if tab.open:
            with tab:
                show_part()


def _guide() -> None:
    st.subheader("Photographing", anchor=False)
    st.markdown(_PHOTOGRAPH)
    st.subheader("Naming", anchor=False)
    st.markdown(
        "The Upload page reads island, year and position from names such as\n\n"
        + "\n".join(f"- `{example}`" for example in PATTERN_EXAMPLES)
        + "\n\nand lets you type what a name does not say. What you type counts first. A camera's counter "
        "(`DSC_1998`) is never used. A position takes one photograph a year."
    )
    st.subheader("Reading results", anchor=False)
    st.markdown(_READ)
    st.subheader("The models in use", anchor=False)
    for role, manifest in model_files.manifests().items():
        _model(role.task, manifest)
    st.markdown(_ANCHORS)
    st.subheader("When something fails", anchor=False)
    st.markdown(
        "**Runs** says for each failure what happened and what to do. An original is never lost: it stays in storage "
        "until you delete it, and a deleted one can be brought back by an operator."
    )


def _model(task: str, manifest: Manifest | str) -> None:
    with st.container(border=True):
        st.markdown(f"**{task}**")
        if isinstance(manifest, str):
            st.text(manifest)
            return
        identity = manifest.identity
        st.markdown(f"{plain(identity.name)}, {plain(manifest.precision)}, sha256 `{plain(identity.sha256[:16])}`")
        st.write(plain(trust_of(manifest).sentence))
        if manifest.counted is not None:
            st.write(f"Counted classes: {plain(', '.join(manifest.counted))}, of {plain(', '.join(manifest.classes))}.")
        for entry in manifest.measured.sets if manifest.measured else ():
            st.markdown("\n".join([_measured_on(entry), *map(_line, entry.figures)]))
        if manifest.measured is None or not manifest.measured.sets:
            st.write(_NOT_MEASURED)
        if manifest.measured is not None and manifest.measured.learned_from is not None:
            st.write(_learned(manifest.measured.learned_from))
        if manifest.refused_evaluation:
            st.write(f"A file with measured errors was not accepted: {plain(manifest.refused_evaluation)}")
        for note in manifest.notes:
            st.write(plain(note))


def _learned(photographs: Sequence[LearnedPhotograph]) -> str:
    if not photographs:
        return "It learned from drawn photographs only."
    left_out = sum(photo.left_out_cover_percent is not None for photo in photographs)
    return (
        f"It learned from {count(len(photographs), 'photograph')}. For {left_out:,} of them there are predictions of a "
        "model that was fitted without the photograph; intervals use those, and leave out the others."
    )


def _measured_on(entry: MeasuredSet) -> str:
    where = f" ({plain(entry.survey)})" if entry.survey else ""
    kind = "Real" if entry.kind == REAL else "Drawn"
    return f"{kind} photographs: {plain(entry.description)}{where}, n = {entry.photos:,}, measured on {entry.date}:"


def _line(figure: Figure) -> str:
    return f"- {plain(figure.label)}: **{plain(f'{figure.value:.4g} {figure.unit}')}**"


show()
