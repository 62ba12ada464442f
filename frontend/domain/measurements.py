"""Choosing and ordering coverage rows (`reefsteps.coverage_queries.CoverageRow`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from frontend.domain.ordering import natural_key
from frontend.domain.statistics import Cover
from reefsteps.coverage_queries import CoverageRow
from reefsteps.quadrat_size import QuadratSize
from reefsteps.survey_fields import SurveyFields
from reefsteps.surveys import SurveyKey
from reefsteps.trust import reasons_to_look


def survey_of(row: CoverageRow) -> SurveyKey:
    """Return which quadrat in which year a row of ours measures.

    Raises InvalidSurveyKeyError for an island's name that only another program can have written (see `is_ours`).
    """
    return SurveyKey(row.year, row.island, row.location)


def is_ours(row: CoverageRow) -> bool:
    """Return whether ReefSteps wrote the row, so that it has pictures and a provenance."""
    return row.written_at is not None


def is_imported(row: CoverageRow) -> bool:
    """Return whether another program measured the row, which was then imported together with its photograph."""
    return row.written_at is None and row.imported_at is not None


def event_of(row: CoverageRow) -> str:
    """Return the row's name as a sampling event, whoever wrote it; for ours it is the stem of its pictures."""
    return f"{row.year}-{row.island}-{row.location:02d}"


def cover_of(row: CoverageRow) -> Cover:
    """Return the figures of a row that statistics need."""
    return Cover(row.island, row.year, row.location, row.cover_percent, treatment_of(row), model_of(row), row.trust)


def fields_of(row: CoverageRow, fields: Mapping[SurveyKey, SurveyFields]) -> SurveyFields:
    """Return what people know of a row's photograph; nothing for a row that another program wrote."""
    return fields.get(survey_of(row), SurveyFields()) if is_ours(row) else SurveyFields()


def size_of(row: CoverageRow) -> QuadratSize | None:
    """Return how large the quadrat is; None for a row that another program wrote."""
    return None if row.side_cm is None else QuadratSize.of(row.side_cm, row.height_cm)


def reasons_of(row: CoverageRow) -> list[str]:
    """Return why somebody should look at a row before using its cover, in sentences."""
    return reasons_to_look(row.to_be_looked_at, grey=row.grey, low_resolution=row.low_resolution)


def treatment_of(row: CoverageRow) -> str | None:
    """Return how the photograph's colours were treated, in words; None where that is not known."""
    if row.restoration_applied is None:
        return None
    return f"restored ({row.restoration_method})" if row.restoration_applied else "left as they are"


def model_of(row: CoverageRow) -> str | None:
    """Return name and short hash of the model behind a row; None where that is not known."""
    return f"{row.model_name} (sha256 {row.model_sha256[:12]})" if row.model_name and row.model_sha256 else None


@dataclass(frozen=True)
class Filter:
    """Which rows a page looks at; empty means all."""

    islands: tuple[str, ...] = ()
    years: tuple[int, ...] = ()

    def apply(self, rows: Iterable[CoverageRow]) -> list[CoverageRow]:
        """Return the rows that fit, in natural order."""
        return in_natural_order(
            row
            for row in rows
            if (not self.islands or row.island in self.islands) and (not self.years or row.year in self.years)
        )

    def describe(self) -> str:
        """Return the filter in words, for exports."""
        parts = [
            f"{name}: {', '.join(str(value) for value in values)}"
            for name, values in (("islands", self.islands), ("years", self.years))
            if values
        ]
        return "; ".join(parts) or "all islands and years"


def in_natural_order(rows: Iterable[CoverageRow]) -> list[CoverageRow]:
    """Return the rows by island, year and position; islands compare naturally (Site 2 before Site 10)."""
    return sorted(rows, key=lambda row: (natural_key(row.island), row.year, row.location))


def islands_of(rows: Iterable[CoverageRow]) -> list[str]:
    """Return the islands, each once, in natural order."""
    return sorted({row.island for row in rows}, key=natural_key)


def years_of(rows: Iterable[CoverageRow], island: str | None = None) -> list[int]:
    """Return the years (of one island), oldest first."""
    return sorted({row.year for row in rows if island is None or row.island == island})


def models_of(rows: Iterable[CoverageRow]) -> list[str]:
    """Return name and short hash of every model behind the rows."""
    return sorted({model for row in rows if (model := model_of(row))})
