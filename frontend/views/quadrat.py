"""Quadrat: one quadrat in full, compared between versions and between years."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import streamlit as st

from frontend import address, navigation
from frontend.components import marks, states, survey_choice, widgets
from frontend.components.text import camera_time, moment, plain
from frontend.components.widgets import Picture
from frontend.domain import statuses
from frontend.domain.estimates.quadrat import difference
from frontend.domain.measurements import is_imported, is_ours, survey_of
from frontend.domain.verified import Checked, checked_of
from frontend.services import measurements, points
from frontend.services.aws import link, link_to
from frontend.settings import settings
from reefsteps.coverage_queries import CoverageRow, Provenance
from reefsteps.derived_objects import OVERLAY, REFRAMED_PICTURE, TREATED_PICTURE, DerivedObject, shown_pictures
from reefsteps.failures import console_url
from reefsteps.formats import SHOWN_BY_BROWSERS, stored_extension
from reefsteps.results import Colony
from reefsteps.trust import change_text, decimals, is_marked, label, marked, worst

MODES = ("Coral overlay", "Versions", "Years")
RAW = "Raw"
SIDES = ("left", "right")  # of a comparison, as the address names them


Side = TypeVar("Side")


def show() -> None:
    """Show the page."""
    states.title("Quadrat", "One quadrat: its pictures, its colonies, and where the figure comes from.")
    rows = states.coverage()
    if not rows and survey_choice.named().nothing:  # a link may name a result that is newer than what was kept
        states.nothing_yet()
    row = survey_choice.choose_row(rows, drops=SIDES)
    if row is None:
        return
    marks.say_of_others([row])
    if not is_ours(row):
        st.metric("Coral cover", marks.figure(row), border=True, width=260)
        st.caption(f"{statuses.of_a_quadrat(row, None).capitalize()}.")
        _by_another_program(row)
        return
    detail = states.from_database(lambda: measurements.provenance(survey_of(row)))
    left, right = st.columns([3, 2], gap="large")
    with left:
        _pictures(row, rows, detail)
    with right:
        _figures(row, detail)
        _actions(row)
    if detail:
        _colonies(detail.segmentation.colonies)
        _provenance(detail)
    _downloads(row)


def _by_another_program(row: CoverageRow) -> None:
    if not (is_imported(row) and row.imported_key and row.imported_at):
        st.caption("Another program wrote this result; there is no picture, and nothing more is known about it.")
        return
    st.badge("imported, measured by another program", color="gray")
    st.caption(
        f"Imported {moment(row.imported_at)} with its photograph {plain(row.imported_key)}; it was not measured again."
    )
    address = link(settings().raw_bucket, row.imported_key)
    if stored_extension(row.imported_key) in SHOWN_BY_BROWSERS:
        st.image(address, width=640)
    else:
        st.link_button("Download the photograph", address)


def _pictures(row: CoverageRow, rows: Sequence[CoverageRow], detail: Provenance | None) -> None:
    mode = address.choice("Compare", MODES, name="compare", default=MODES[0], drops=SIDES)
    if mode == "Years":
        _between_years(row, rows)
    elif mode == "Versions":
        _between_versions(row)
    elif mode:
        outlines = (
            st.toggle("Boxes around colonies", value=False, help="Dashed: cut by the frame.") and detail is not None
        )
        colonies = detail.segmentation.colonies if detail and outlines else ()
        widgets.overlay(
            _derived(row, REFRAMED_PICTURE),
            _derived(row, OVERLAY),
            key=f"overlay-{survey_of(row).stem}",
            boxes=[{"box_px": c.box_px, "cut": c.cut_by_frame} for c in colonies],
            size_px=detail.reframing.size_px if detail else (1, 1),
        )


def _between_versions(row: CoverageRow) -> None:
    options = _versions(row)
    first, second = _sides(options, options[0], options[1])
    if first is None or second is None:
        return
    widgets.slider(_version(row, first), _version(row, second), key=f"versions-{survey_of(row).stem}")
    unstraightened = {RAW, TREATED_PICTURE.label}
    if {first, second} & unstraightened and {first, second} - unstraightened:
        st.caption(
            "The reframed picture is a straightened part of the photograph, so the two do not lie over each other."
        )


def _between_years(row: CoverageRow, rows: Sequence[CoverageRow]) -> None:
    same = {r.year: r for r in rows if r.island == row.island and r.location == row.location and is_ours(r)}
    years = sorted(same)
    if len(years) < 2:
        st.info("This position has been measured in one year only.", icon=":material/calendar_today:")
        return
    earlier = max((year for year in years if year < row.year), default=years[0])
    later = row.year if row.year != earlier else years[1]
    first, second = _sides(years, earlier, later)
    if first is None or second is None:
        return
    widgets.slider(_of_year(same[first]), _of_year(same[second]), key=f"years-{row.island}-{row.location}")
    change = same[second].cover_percent - same[first].cover_percent
    trusts = [same[first].trust, same[second].trust]
    st.metric(f"Change from {first} to {second}", change_text(change, decimals(trusts)), border=True)
    if label(worst(trusts)):
        st.caption(label(worst(trusts)))
    _change_by_points(same[first], same[second])


def _change_by_points(earlier: CoverageRow, later: CoverageRow) -> None:
    """Say how far the change is checked: by the points of both years, where there are such."""
    checks = states.from_database(measurements.checked)
    before, after = (checked_of(row, checks) for row in (earlier, later))
    if before is None or after is None or not (before.count.is_enough and after.count.is_enough):
        st.caption("The model's change: not verified. It needs points of both years.")
        return
    points, interval = difference(before.count, after.count)
    st.caption(
        f"Verified: by the points of both years the change is {points:+.1f} points, 95 % interval {interval.low:+.1f} "
        f"to {interval.high:+.1f} (Newcombe)."
    )


def _sides(options: Sequence[Side], left: Side, right: Side) -> tuple[Side | None, Side | None]:
    """Show what is compared and return it; None for a side that the address names and that is not there."""
    with st.container(horizontal=True):
        first = address.one_of("Left", options, name="left", default=left, placeholder="Choose", width=180)
        second = address.one_of("Right", options, name="right", default=right, placeholder="Choose", width=180)
    strange = [*address.strangers(options, name="left"), *address.strangers(options, name="right")]
    if strange:
        st.info(
            f"There is no {plain(' and no '.join(strange))} of this position. Choose.", icon=":material/search_off:"
        )
    return first, second


def _versions(row: CoverageRow) -> list[str]:
    shown = row.raw_key is not None and stored_extension(row.raw_key) in SHOWN_BY_BROWSERS
    return [*([RAW] if shown else []), *(str(item.label) for item in shown_pictures())]


def _version(row: CoverageRow, name: str) -> Picture:
    if name == RAW and row.raw_key:
        return _named(row, RAW, link(settings().raw_bucket, row.raw_key, row.raw_version_id))
    return _derived(row, next(item for item in shown_pictures() if item.label == name))


def _derived(row: CoverageRow, item: DerivedObject) -> Picture:
    return _named(row, str(item.label), link_to(item, survey_of(row)))


def _named(row: CoverageRow, name: str, url: str) -> Picture:
    return Picture(url, name, f"{name} picture of quadrat {row.location}, {row.island} {row.year}")


def _of_year(row: CoverageRow) -> Picture:
    picture = _derived(row, REFRAMED_PICTURE)
    return Picture(picture.url, f"{row.year}: {marks.figure(row)} {label(row.trust)}".strip(), picture.alt)


def _figures(row: CoverageRow, detail: Provenance | None) -> None:
    st.subheader(survey_choice.words(row), anchor=False)
    st.metric("Coral cover", marked(marks.figure(row), row.trust), border=True)
    checked = checked_of(row, states.from_database(measurements.checked))
    st.caption(f"The model's figure: {plain(statuses.of_a_quadrat(row, checked))}.")
    if is_marked(row.trust):
        st.caption(f"{label(row.trust)}: read this cover with the sentence above.")
    marks.say_what_to_look_at(row)
    _points(row, checked)
    if detail is None:
        st.caption("Nothing more is known about this result.")
        return
    r = detail.reframing
    with st.container(horizontal=True):
        st.metric("Colonies", f"{detail.segmentation.colony_count:,}", border=True)
        st.metric("Resolution", f"{r.px_per_cm:.1f} px/cm", border=True)
    if r.manual:
        st.badge("corners set by hand", icon=":material/crop_free:", color="violet")
    else:
        unsure = r.uncertainty_percent
        error = "" if unsure is None else f", expected corner error {unsure:.2f} % of the side"
        st.caption(
            f"The frame's corners were found with confidence {r.confidence:.2f}{error}. This is not about the cover."
        )
    left_out = detail.segmentation.excluded_percent
    if left_out is not None:
        st.badge(f"{left_out:.1f} % left out", icon=":material/visibility_off:", color="orange")
        st.caption("A fin or slate was hidden by hand. Cover is the share of the remaining area.")
    if r.partly_visible:
        st.badge("frame partly visible", icon=":material/visibility_off:", color="orange")
        st.caption("Its corners follow from the frame and strings that show. Check the reframed picture.")
    skipped = detail.restoration.skipped_because
    if skipped:
        st.caption(f"Colour was left as it is: {plain(skipped)}")


def _points(row: CoverageRow, checked: Checked | None) -> None:
    """Say what people's points on the photograph come to, and where the model differs from them."""
    if checked is None or not checked.count.answered:
        return
    count, interval = checked.count, checked.count.interval
    st.metric("Cover by points", f"{count.cover_percent:.1f} %", border=True)
    off = row.cover_percent - count.cover_percent
    st.caption(
        f"{count.coral} of {count.answered} points on coral; 95 % interval (Wilson) {interval.low:.1f} to "
        f"{interval.high:.1f} %. The model is {abs(off):.1f} points {'higher' if off > 0 else 'lower'}. "
        f"Answered by {plain(checked.annotator)}"
        + ("." if checked.counts else ", too few points or a photograph that a person picked: no interval uses them.")
    )
    at_points = states.from_database(lambda: points.at_the_points(row))
    if at_points is not None and at_points.agreement_percent is not None:
        st.caption(
            f"At the points the model agrees in {at_points.agreement_percent:.0f} %: coral for both {at_points.both}, "
            f"for the model alone {at_points.model_only}, for the person alone {at_points.person_only}."
        )
    if row.learned:
        st.caption(_learned(row, count.cover_percent))
    if checked.second is not None:
        kappa = "" if checked.second.kappa is None else f", Cohen's kappa {checked.second.kappa:.2f}"
        st.caption(f"A second person agrees at {checked.second.percent:.0f} % of the same points{kappa}.")


def _learned(row: CoverageRow, by_points_percent: float) -> str:
    """Say how the photograph verifies a model that learned from it."""
    if row.left_out_percent is None:
        return "The model learned from this photograph, so no interval uses it: a model is better on those."
    off = row.left_out_percent - by_points_percent
    return (
        "The model learned from this photograph. Intervals use the cover by a model that was fitted without it: "
        f"{row.left_out_percent:.1f} %, {abs(off):.1f} points {'higher' if off > 0 else 'lower'} than the points."
    )


def _actions(row: CoverageRow) -> None:
    with st.container(horizontal=True):
        navigation.link(navigation.to_corners(row), "Fix corners", icon="crop_free")
        navigation.link(navigation.to_surveys(row, navigation.SurveysPart.NAME), "Change the name", icon="edit_note")
        navigation.link(navigation.to_surveys(row, navigation.SurveysPart.SIZE), "Change the size", icon="straighten")
        if row.raw_key:
            navigation.link(navigation.to_delete(row.raw_key), "Delete", icon="delete")


def _colonies(colonies: Sequence[Colony]) -> None:
    st.subheader("Colonies", anchor=False)
    if not colonies:
        st.write("No coral was found in this quadrat.")
        return
    st.dataframe(
        [
            {"Colony": i, "Area (cm²)": c.area_cm2, "Score": c.score, "Cut by the frame": c.cut_by_frame}
            for i, c in enumerate(colonies, start=1)
        ],
        hide_index=True,
        height=min(380, 40 + 35 * len(colonies)),
        column_config={
            "Area (cm²)": st.column_config.NumberColumn(format="%.1f"),
            "Score": st.column_config.NumberColumn(format="%.2f"),
        },
        alt="Colonies with area and score",
    )
    st.caption("The area is the colony's outline seen from above. One that the frame cuts is larger than it shows.")


def _provenance(detail: Provenance) -> None:
    source, segmentation = detail.restoration.source, detail.segmentation
    lines = {
        "Photograph": source.image.key + (f", version {source.image.version_id}" if source.image.version_id else ""),
        "Taken": camera_time(source.captured_at) if source.captured_at else "the file does not say",
        "Camera": source.camera or "the file does not say",
        "Size": f"{source.width_px:,} × {source.height_px:,} px, {source.image_format}",
        "Colours": source.colour_encoding or "not recorded",
        "Uploaded": moment(source.uploaded_at),
        "Quadrat's side": detail.reframing.size.words,
        "Colour restored by": f"{detail.restoration.method}{'' if detail.restoration.applied else ' (not applied)'}",
        "Coral model": f"{segmentation.model.name}, sha256 {segmentation.model.sha256}",
        "Score threshold": f"{segmentation.score_threshold:g}",
        "Frame model": _frame_model(detail),
        "Pipeline": detail.pipeline_version,
        "Run": f"{detail.execution.name}, written {moment(detail.written_at)}",
        "Seconds": ", ".join(
            f"{name} {record.elapsed_s:.1f}"
            for name, record in (
                ("restoration", detail.restoration),
                ("reframing", detail.reframing),
                ("segmentation", segmentation),
            )
        ),
    }
    with st.expander("Where this figure comes from"):
        for name, value in lines.items():
            st.markdown(f"**{name}:** {plain(value)}")
        if not settings().is_local:
            st.link_button("Open the run in the AWS console", console_url(detail.execution.id))


def _frame_model(detail: Provenance) -> str:
    model = detail.reframing.model
    return f"{model.name}, sha256 {model.sha256}" if model else "none: corners set by hand"


def _downloads(row: CoverageRow) -> None:
    st.subheader("Downloads", anchor=False)
    survey = survey_of(row)
    with st.container(horizontal=True):
        if row.raw_key:
            original = link(settings().raw_bucket, row.raw_key, row.raw_version_id, download_as=row.raw_key)
            st.link_button("Original", original, icon=":material/download:")
        for item in shown_pictures():
            name = f"{survey.stem}-{str(item.label).lower()}{item.extension}"
            st.link_button(str(item.label), link_to(item, survey, download_as=name), icon=":material/download:")


show()
