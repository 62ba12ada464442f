"""What a person says of a point, and the tables that turn other programs' labels into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reefsteps.errors import InvalidParameterError
from reefsteps.spreadsheets import Fault, SheetRow, read_sheet, refusal


class Answer(StrEnum):
    """What lies under a point; one letter each, so that many are a short text."""

    CORAL = "c"
    OTHER = "o"
    UNCLEAR = "u"  # cannot tell, or the point lies on tape, frame or slate: it counts neither way


UNANSWERED = "-"
"""Stands for a point that nobody has answered yet. A set that holds one is under way, and no figure uses it."""

NAMES = {Answer.CORAL: "coral", Answer.OTHER: "not coral", Answer.UNCLEAR: "cannot tell"}
_SPELLINGS = {
    **dict.fromkeys(("coral", "hard coral", "live coral", "corail", "corail vivant"), Answer.CORAL),
    **dict.fromkeys(("not coral", "no coral", "other", "autre", "pas corail"), Answer.OTHER),
    **dict.fromkeys(("cannot tell", "unclear", "unknown", "unsure", "inconnu", "?"), Answer.UNCLEAR),
}


def parse_answer(text: str) -> Answer:
    """Return the answer that a person has written; raises InvalidParameterError."""
    answer = _SPELLINGS.get(_plain(text))
    if answer is None:
        raise InvalidParameterError(f"'{text}' is not one of: {', '.join(NAMES.values())}.")
    return answer


@dataclass(frozen=True)
class LabelTable:
    """Which answer each label of another program means. Capitals and blanks around a label do not count."""

    name: str
    answers: Mapping[str, Answer]

    def answer(self, label: str) -> Answer | None:
        """Return what a label means, or None where the table does not say."""
        return self.answers.get(_plain(label))

    def unknown(self, labels: Iterable[str]) -> list[str]:
        """Return the labels that the table does not say, each once."""
        return sorted({label for label in labels if self.answer(label) is None})


def _plain(label: str) -> str:
    return " ".join(label.casefold().split())


def _table(name: str, coral: str, other: str, unclear: str) -> LabelTable:
    kinds = (Answer.CORAL, coral), (Answer.OTHER, other), (Answer.UNCLEAR, unclear)
    return LabelTable(name, {_plain(label): answer for answer, labels in kinds for label in labels.split(",")})


PLAIN = LabelTable("coral, not coral, cannot tell", dict(_SPELLINGS))
MOOREA = _table(
    # Codes and names of CoralNet's label set for knb-lter-mcr.5006; hard coral is its functional group. "Off" is what
    # lies beside the quadrat, or on its frame.
    "Moorea LTER",
    coral="Acrop,Acropora,Astreo,Astreopora,Cypha,Cyphastrea,Favia,Fung,Fungia,Gardin,Gardineroseris,Herpo,Herpolitha,"
    "Lepta,Leptastrea,Monta,Montastraea,Monti,Montipora,Pavon,Pavona,Pocill,Pocillopora,Porit,Porites",
    other="Mille,Millepora,Soft,Soft Coral,Sand,CCA,CCA (crustose coralline algae),Macro,Macroalgae,Turf,Turf algae",
    unclear="Off",
)
READY = (PLAIN, MOOREA)


def table_for(labels: Iterable[str]) -> LabelTable | None:
    """Return the ready table that knows all these labels, or None."""
    found = set(labels)
    return next((table for table in READY if not table.unknown(found)), None)


def read_table(data: bytes, name: str) -> LabelTable:
    """Return the table of a CSV file with the columns label and answer.

    Raises SpreadsheetError, which lists every line at fault, and a label that has two answers.
    """
    rows = read_sheet(data, name, columns=_COLUMNS, needs=[("label", "answer")]).convert(_row)
    answers: dict[str, Answer] = {}
    for line, label, answer in rows:
        if answers.setdefault(_plain(label), answer) is not answer:
            raise refusal(name, [Fault(line, f"The label '{label}' has two answers.")])
    return LabelTable(name, answers)


_COLUMNS = {"label": ("label_code", "code", "name"), "answer": ("means", "reponse", "class")}


def _row(row: SheetRow) -> tuple[int, str, Answer] | None:
    label, answer = row.required("label"), row.value("answer", parse_answer)
    row.required("answer")
    return None if label is None or answer is None else (row.line, label, answer)
