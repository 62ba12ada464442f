"""A CSV list of other names, quadrat sizes and survey fields, as people write it."""

from __future__ import annotations

from reefsteps.quadrat_size import QuadratSize
from reefsteps.relabelling import Value, Wish
from reefsteps.spreadsheets import SheetRow, read_sheet
from reefsteps.survey_fields import SurveyFields

NUMBERS = ("depth_m", "latitude", "longitude")
COLUMNS = {
    "old": ("old_name", "from", "ancien", "ancien_nom"),
    "new": ("new_name", "to", "nouveau", "nouveau_nom"),
    "size_cm": ("size", "side_cm", "cote_cm", "taille"),
    "site": (),
    "depth_m": ("depth", "profondeur", "profondeur_m"),
    "event_date": ("date",),
    "transect": (),
    "latitude": ("lat",),
    "longitude": ("lon", "long"),
    "observer": ("observateur",),
}
TEMPLATE = "old,new,size_cm,site,depth_m,event_date,transect,latitude,longitude,observer\n"


def read_wishes(data: bytes, name: str) -> list[Wish]:
    """Return the lines of a CSV file; an empty cell leaves as it is what its column is about.

    Raises SpreadsheetError, which lists every line at fault.
    """
    return read_sheet(data, name, columns=COLUMNS, needs=[("old",)]).convert(_wish)


def _wish(row: SheetRow) -> Wish | None:
    old, size = row.required("old"), row.value("size_cm", QuadratSize.parse)
    fields: dict[str, Value] = {}
    for field in SurveyFields.__dataclass_fields__:
        value: Value = row.number(field) if field in NUMBERS else row.text(field)
        if value is not None:
            fields[field] = value
    row.value("old", lambda _: SurveyFields(**fields))  # type: ignore[arg-type]  # refuses what is out of range
    if not (row.text("new") or size or fields):
        row.refuse("This line changes nothing: give new, size_cm or one of the fields.")
    return None if old is None else Wish(old, row.text("new"), size, fields)
