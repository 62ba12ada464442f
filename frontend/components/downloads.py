"""Files to take away; each is made when its button is pressed, never with the page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from frontend.components import states
from frontend.components.text import count
from frontend.domain import charts, exports, gcrmn, mermaid, point_tables, statistics, statuses, verified
from frontend.domain.exports import FRENCH_EXCEL, PLAIN, About, CsvStyle, Fields, Row
from frontend.domain.measurements import is_ours, islands_of
from frontend.domain.statistics import Cover, MeanCover
from frontend.domain.templates import FilledTemplate, missing_rows
from frontend.domain.verified import Checks
from frontend.services import measurements, points
from reefsteps.coverage_queries import CoverageRow

MOST_MASKS = 500  # of a COCO file: half a minute, and 50 kB for each
_STYLES = {"Comma, decimal point": PLAIN, "Semicolon, decimal comma": FRENCH_EXCEL}
_TEMPLATES: dict[str, Callable[[Sequence[CoverageRow], Fields, Checks], FilledTemplate]] = {
    "GCRMN": gcrmn.gcrmn,
    "MERMAID": mermaid.mermaid,
}


def exports_of(rows: Sequence[CoverageRow], covers: Sequence[Cover], means: Sequence[MeanCover], about: About) -> None:
    """Show every file that can be made of these rows."""
    style = _style()

    def tables() -> dict[str, Sequence[Row]]:
        return _tables(rows, covers, means, _fields())

    def zipped() -> bytes:
        files = {
            f"{title.lower().replace(' ', '-')}.csv": exports.to_csv(t, about, style) for title, t in tables().items()
        }
        return exports.to_zip(files | {"about.csv": exports.about_csv(about, style)})

    def quadrats() -> bytes:
        return exports.to_csv(exports.measurement_rows(rows, _fields(), measurements.checked()), about, style)

    with st.container(horizontal=True):
        table_file("Quadrats as CSV", quadrats, "coverage.csv")
        table_file("All tables as CSV", zipped, "coverage-csv.zip")
        table_file("All tables as XLSX", lambda: _workbook(tables(), about), "coverage.xlsx")
    st.caption(
        "The tables are quadrats, means, estimates and change with people's points, colonies, the points themselves "
        "(import reads them again), and what the file is about. Columns carry Darwin "
        "Core names where there are any; sizes are in cm and cm². In CSV, a name that looks like a formula begins with "
        "an apostrophe."
    )
    _for_other_programs(rows, about, style)
    _masks(rows, about)


def _fields() -> Fields:
    """Return what people know of the surveys."""
    return measurements.survey_fields()


def _style() -> CsvStyle:
    chosen = st.segmented_control(
        "CSV files with",
        [*_STYLES],
        default=next(iter(_STYLES)),
        required=True,
        key="csv-style",
        help="R, Python and an English Excel read the first. A French Excel reads the second.",
    )
    return _STYLES[str(chosen)]


def _tables(
    rows: Sequence[CoverageRow], covers: Sequence[Cover], means: Sequence[MeanCover], fields: Fields
) -> dict[str, Sequence[Row]]:
    islands = islands_of(rows)
    shown = {(row.island, row.year, row.location) for row in rows}
    found = [c for island in islands for c in states.patiently(partial(measurements.colonies, island))]
    colonies = [c for c in found if (c.island, c.year, c.location) in shown]
    changes = [c for island in islands for c in statistics.successive_changes(covers, island)]
    checked, sets = states.patiently(measurements.checked), states.patiently(points.point_sets)
    campaigns = verified.campaigns(rows, checked)
    return {
        "Quadrats": exports.measurement_rows(rows, fields, checked),
        "Means": exports.mean_rows(means, statuses.by_island_and_year(campaigns)),
        "Estimates": point_tables.estimate_rows(campaigns),
        "Paired change": exports.change_rows(changes),
        "Checked change": point_tables.change_rows(verified.changes(rows, checked)),
        "Colonies": exports.colony_rows(colonies, rows, checked),
        "Points": point_tables.point_rows(one for one in sets if (one.island, one.year, one.location) in shown),
    }


def _workbook(tables: dict[str, Sequence[Row]], about: About) -> bytes:
    from frontend.domain.workbook import to_xlsx

    return to_xlsx(tables, about)


def _for_other_programs(rows: Sequence[CoverageRow], about: About, style: CsvStyle) -> None:
    st.subheader("For GCRMN and MERMAID", anchor=False)

    def zipped(name: str) -> bytes:
        filled = _TEMPLATES[name](rows, _fields(), states.patiently(measurements.checked))
        stem = f"{name.lower()}-benthic"
        return exports.to_zip(
            {
                f"{stem}.csv": exports.to_csv(filled.rows, None, style),
                f"{stem}-missing.csv": exports.to_csv(missing_rows(filled.missing), None, style),
                "about.csv": exports.about_csv(about, style),
            }
        )

    with st.container(horizontal=True):
        for name in _TEMPLATES:
            table_file(f"{name} template", partial(zipped, name), f"{name.lower()}-benthic.zip")
    st.caption("Each archive holds the template, filled as far as the data allow, and a list of what is missing in it.")
    with st.expander("What is missing in them", on_change="rerun", key="missing") as missing:
        if missing.open:
            for name, fill in _TEMPLATES.items():
                st.markdown(f"**{name}**")
                st.dataframe(
                    [{"Column": m.column, "Rows": f"{m.rows:,} of {m.of:,}", "What to do": m.remedy}
                     for m in fill(rows, _fields(), measurements.checked()).missing],
                    hide_index=True,
                    column_config={"What to do": st.column_config.TextColumn(width="large")},
                    alt=f"What is missing in the template of {name}",
                )  # fmt: skip


def _masks(rows: Sequence[CoverageRow], about: About) -> None:
    st.subheader("Masks", anchor=False)
    ours = [row for row in rows if is_ours(row)]
    if len(ours) > MOST_MASKS:
        st.info(
            f"{count(len(ours), 'quadrat')} are too many for one COCO file of at most {MOST_MASKS}: choose islands or "
            "years above.",
            icon=":material/filter_alt:",
        )
        return

    def coco() -> bytes:
        from frontend.domain.coco import to_coco
        from frontend.services.masks import masked_quadrats

        return to_coco(masked_quadrats(ours), about, states.patiently(measurements.checked))

    table_file("Masks as COCO", coco, "coverage-coco.json")
    st.caption(
        "One instance for each colony in the reframed pictures, as run lengths. The stored masks are unions: where "
        "colonies touch, an outline can be approximate and is then marked so."
    )


def table_file(label: str, data: Callable[[], bytes], name: str) -> None:
    """Show a button that makes and downloads a file."""
    st.download_button(label, data, name, on_click="ignore", icon=":material/download:")


def chart_files(chart: charts.Chart, title: str, name: str, notes: Sequence[str] = ()) -> None:
    """Show buttons that download the chart as PNG and SVG, with the notes below its title."""
    with st.container(horizontal=True):
        for label, make, kind in (("PNG", charts.to_png, "image/png"), ("SVG", charts.to_svg, "image/svg+xml")):
            st.download_button(
                f"Chart as {label}",
                partial(make, chart, title, notes),
                f"{name}.{label.lower()}",
                kind,
                key=f"{name}-{label}",
                type="tertiary",
                icon=":material/image:",
                on_click="ignore",
            )
