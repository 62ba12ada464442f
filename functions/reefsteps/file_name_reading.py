"""What the words and numbers of one file or folder name say: island, year and position.

Reading first takes out, one kind after the other, what is certainly something else. These are dates of a copy, dates,
camera counters, depths and sizes. A number is the position if it is labelled (``Q7``, ``no 7``, ``quadrat 7``), or if
it is the only short number that remains. A part that can be read in two ways is not read, and the result names it.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field

from reefsteps.errors import BadInputError
from reefsteps.quadrat_size import QuadratSize
from reefsteps.surveys import FIRST_YEAR, SurveyKey, normalise_island, plain_apostrophes

_TAKEN = "\x1f"  # stands where something was taken out; neither letter nor digit nor blank

# Letters and digits below mean those of the folded text: lower case, without accents, one for one.
_NO_LETTER_BEFORE, _NO_LETTER_AFTER = r"(?<![^\W\d_])", r"(?![^\W\d_])"
_NOTHING_BEFORE, _NOTHING_AFTER = r"(?<![^\W_])", r"(?![^\W_])"
_YEAR = r"(?P<year>(?:19|20)[0-9]{2})"
_MONTH = (
    r"(?:janvier|january|janv|jan|fevrier|february|fevr|fev|feb|mars|march|mar|avril|april|avr|apr|mai|may|juin|june|jun|"
    r"juillet|juil|july|jul|aout|august|aug|septembre|september|sept|sep|octobre|october|oct|novembre|november|nov|"
    r"decembre|december|dec)"
)
_SEASON = r"(?:ete|summer|hiver|winter|printemps|spring|automne|autumn|fall|saison|season)"
_CLOCK_TIME = r"(?:[t_ -]*(?:at |a )?[0-2][0-9]([h:._-]?)[0-5][0-9](?:\3[0-5][0-9](?:[0-9]{1,3})?)?)?"
_ENDING = (
    r"copy|copie|edited|edit|modifie|retouche|cropped|crop|final|bis|dup|duplicate|originale?|export|web|small|hdr|raw|"
    r"jpe?g|tiff?|nef|dng"
)
_STRONG = r"quadrat|quadra|quad|qdrt|qdt|qd|qu|q|position|pos|plot|emplacement|cadre|frame|carre|parcelle"
_NUMBER = r"n°|no|nr|num|numero|number|#"
_PHOTO = r"photo|foto|picture|pic"
_PLACE_WITH_NUMBER = (
    r"site|station|st|zone|lter|pole|transect|tr|ligne|line|bloc|block|reef|recif|passe|point|pt|dive|plongee|cam|camera|"
    r"lot|serie|series|version|v|replicat|replicate|rep|day|jour|part|partie|equipe|team|bouee|buoy|baie|ilot|motu|"
    r"secteur|sector|area|polygone"
)
_CAMERA = (
    r"_?(?:imgp|imag|image|img|dsc[nf]?|_?mg|pict|sam|sdc|cimg|hpim|mvimg|pxl|dji|gopr|vlcsnap|pano|burst|scan|scn|file|"
    r"fichier|untitled|sans titre|diapo|slide|mov|mvi|vid|crw)"
)


def _regex(expression: str) -> re.Pattern[str]:
    return re.compile(expression.replace("YEAR", _YEAR).replace("MONTH", _MONTH).replace("SEASON", _SEASON))


# A messenger or a screenshot writes the date of the copy, not of the photograph.
_COPIED = _regex(
    r"img-[0-9]{8}-wa[0-9]{4}|(?:whatsapp(?: image)?|screenshot|screen shot|capture d.ecran|signal|telegram|fb_img|"
    r"received|viber|mmexport|snapchat)[-_ 0-9.:hat]*[0-9]"
)
_UUID = _regex(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
_COPIES = _regex(rf"(?:[-_ ]+(?:{_ENDING})(?:[-_ ]*\(?[0-9]{{1,2}}\)?)?|[ _]?\([0-9]{{1,4}}\)|~[0-9]+)+$")
_DATES = (
    _regex(  # day and month in either order, then the year, perhaps a time
        _NOTHING_BEFORE + r"(?:(?:0?[1-9]|[12][0-9]|3[01])([-_. /])(?:0?[1-9]|1[0-2])\1|"
        r"(?:0?[1-9]|1[0-2])([-_. /])(?:0?[1-9]|[12][0-9]|3[01])\2)YEAR(?:[t_ -]*[0-2][0-9][h:._ -]?[0-5][0-9]"
        r"(?:[:._ -]?[0-5][0-9])?)?(?![0-9])"
    ),
    _regex(r"(?<![0-9])YEAR([-_. ]?)(?:0[1-9]|1[0-2])\2(?:0[1-9]|[12][0-9]|3[01])" + _CLOCK_TIME + r"(?![0-9])"),
    _regex(r"(?<![0-9])YEAR([-_. ])(?:[1-9]|1[0-2])\2(?:[1-9]|[12][0-9]|3[01])(?![0-9])"),
    _regex(
        r"(?<![0-9])(?:(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])|(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))"
        r"YEAR(?![0-9])"
    ),
)
_DATES_IN_WORDS = (
    _regex(
        rf"(?:{_NOTHING_BEFORE}[0-9]{{1,2}}(?:er|st|nd|rd|th)?[-_. ]*)?{_NO_LETTER_BEFORE}MONTH[-_., ]*"
        r"(?:[0-9]{1,2}(?:st|nd|rd|th)?[-_., ]+)?YEAR(?![0-9])"
    ),
    _regex(rf"(?<![0-9])YEAR[-_. ]*MONTH(?:[-_. ]*[0-9]{{1,2}}(?![0-9]))?{_NO_LETTER_AFTER}"),
)
_SHORT_YEARS = (
    _regex(rf"{_NOTHING_BEFORE}[0-9]{{1,2}}([-./_])[0-9]{{1,2}}\1[0-9]{{1,2}}{_NOTHING_AFTER}"),
    _regex(rf"{_NOTHING_BEFORE}[0-9]{{6}}{_NOTHING_AFTER}"),
    _regex(
        rf"(?:{_NOTHING_BEFORE}[0-9]{{1,2}}[-_. ]*)?{_NO_LETTER_BEFORE}MONTH[-_. ']*(?:[0-9]{{1,2}}(?![0-9])|"
        rf"{_NO_LETTER_AFTER})"
    ),
    _regex(r"'[0-9]{2}(?![0-9])"),
)
_SHORT_YEAR_OF_SEASON = _regex(rf"{_NO_LETTER_BEFORE}SEASON[-_ ']*[0-9]{{1,2}}(?![0-9])")
_COUNTERS = (
    _regex(r"^[1-9][0-9]{2}[-_][0-9]{4}(?![0-9])"),  # folder and picture: 100_1998
    _regex(r"^p[1-9a-c][0-3][0-9][0-9]{4}(?![0-9])"),  # Olympus, Panasonic: P1010123
    _regex(r"^_[1-9a-c][0-3][0-9][0-9]{4}(?![0-9])"),
    _regex(rf"{_NOTHING_BEFORE}(?:g[hxp][0-9]{{6}}|g[0-9]{{7}}){_NOTHING_AFTER}"),  # GoPro
    _regex(rf"{_NO_LETTER_BEFORE}{_CAMERA}[-_ ]*{_TAKEN}+(?:[-_ ]*[0-9]+)*(?:_[dwtvz])?{_NO_LETTER_AFTER}"),
    # A short number straight after the counter tells copies or bursts.
    _regex(rf"{_NO_LETTER_BEFORE}{_CAMERA}[-_ (]*[0-9]+\)?(?:[-_ ~]*[0-9]{{1,3}}(?![0-9]))?"),
)
# Names of eight characters in capitals, as cameras write them, some with three letters chosen by the owner (DCF).
_CAMERA_FORM = re.compile(r"_?[A-Z0-9]{3}_[0-9]{4}|[A-Z_][A-Z0-9_]{3}[0-9]{4}")
_SIZES = _regex(
    rf"{_NOTHING_BEFORE}(?P<size>[0-9]{{1,4}}(?:[.,][0-9]+)? ?[x*] ?[0-9]{{1,4}}(?:[.,][0-9]+)?) ?(?P<unit>cm|m|px)?"
    rf"{_NOTHING_AFTER}"
)
_MEASURES = (
    _regex(
        rf"{_NOTHING_BEFORE}(?:[0-9]{{1,3}}-)?[0-9]{{1,4}}(?:[.,][0-9]{{1,2}})? ?"
        rf"(?:metres?|meters?|m2|mm|cm|km|m|ft|feet|pieds|px|mpx?|dpi|min|pct|%){_NOTHING_AFTER}"
    ),
    _regex(rf"{_NO_LETTER_BEFORE}(?:profondeur|prof|depth)[-_ =:.]*[0-9]{{1,3}}(?![0-9])"),
    _regex(r"(?<![0-9])-?[0-9]{1,3}[.,][0-9]{3,}"),  # coordinates
)
_LABELLED = _regex(
    rf"(?:{_NO_LETTER_BEFORE}(?:(?P<strong>{_STRONG})|(?P<number>{_NUMBER})|(?P<photo>{_PHOTO}))"
    rf"(?:[-_ .:#=]*(?:{_NUMBER}))?|(?P<hash>#))[-_ .:#=]*(?P<digits>[0-9]+)(?P<more>[^\W_]+|-[0-9]{{1,3}}(?![0-9]))?"
)
_YEARS = _regex(r"(?<![0-9])YEAR(?![0-9])")
_BARE = _regex(rf"{_NOTHING_BEFORE}[0-9]+{_NOTHING_AFTER}")
_OF_A_PLACE = _regex(rf"(?:[^\W\d_][0-9]+-|{_NO_LETTER_BEFORE}(?:{_PLACE_WITH_NUMBER})[-_ .]*)$")
_NOT_IN_ISLAND = re.compile(r"[^\w' -]|_")
_LABELS = rf"{_STRONG}|{_NUMBER}|{_PHOTO}|{_MONTH}|{_SEASON}|{_CAMERA}"
_NO_ISLAND = re.compile(_LABELS)
_WORDS_OF_NO_PLACE = re.compile(
    rf"(?:{_LABELS}|{_ENDING}|photos|quadrats|pictures|images|campagne|mission|"
    r"survey|annee|year|seche|humide|pluies|wet|dry|rainy|profondeur|prof|depth|nouveau|new|dossier|folder|dcim|"
    r"des|du|de|la|le|les|the|of|in|en|et|and|am|pm|wa)"
)


@dataclass
class NameReading:
    """What a name says; None where it does not say it for certain. ``doubts`` tells why, by field."""

    island: str | None = None
    year: int | None = None
    location: int | None = None
    side: QuadratSize | None = None
    doubts: dict[str, list[str]] = field(default_factory=dict)

    def doubt(self, what: str, *about: str) -> None:
        """Note why these fields were not read."""
        for name in about:
            self.doubts.setdefault(name, []).append(what)


def last_year() -> int:
    """Return the latest year that a photograph may have: next year, for clocks that are ahead."""
    return datetime.date.today().year + 1


def tidy(name: str) -> str:
    """Return a name with composed accents, plain digits, blanks and apostrophes."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFKC", plain_apostrophes(name))).strip()


def read_name(stem: str) -> NameReading:
    """Return what a file's name (without extension) or a folder's name says."""
    text = tidy(stem)
    survey = _canonical(text)
    if survey is not None:
        return NameReading(survey.island, survey.year, survey.location)
    return _Reader(text).read()


def is_counter(stem: str) -> bool:
    """Return whether a file's name is nothing but numbers and what a camera adds, so that many photographs have it."""
    if _CAMERA_FORM.fullmatch(stem):
        return True
    rest = _folded(stem)
    for pattern in _COUNTERS:
        rest = pattern.sub(" ", rest)
    return sum(letter.isalpha() for letter in rest) < 2


def _canonical(text: str) -> SurveyKey | None:
    """Return the survey if the name is a survey key, and its island not a date, a camera or a label."""
    try:
        survey = SurveyKey.parse(f"{text}.jpg")
    except BadInputError:
        return None
    island = _folded(survey.island)
    words = [word for word in re.split(r"[-' ]+", island) if word]
    if all(word.isdigit() or _NO_ISLAND.fullmatch(word) for word in words) or any(
        date.search(island) for date in _DATES
    ):
        return None
    return survey


def _folded(text: str) -> str:
    """Return the text in lower case without accents, character for character."""
    return "".join(unicodedata.normalize("NFD", character)[0].lower()[:1] or character for character in text)


class _Reader:
    """Takes the parts of one name out of it, and keeps what they said."""

    def __init__(self, text: str) -> None:
        self._whole = text
        self._text = text
        self._flat = _folded(text)
        self._found = NameReading()
        self._years: set[int] = set()
        self._counted = bool(_CAMERA_FORM.fullmatch(text))

    def read(self) -> NameReading:
        """Return what the name says."""
        found = self._found
        if self._counted:
            found.doubt(f"{self._text} may be a camera's counter.", "year", "location")
            return found
        self._set_aside()
        for pattern in _DATES:
            self._years |= {int(match["year"]) for match in self._take(pattern)}
        for pattern in _COUNTERS:
            for match in self._take(pattern):
                self._counted = True
                found.doubt(f"{self._quote(match)} is a camera's counter.", "location")
        self._measures()
        labelled = self._labelled()
        self._dates_in_words()
        self._years |= {int(match["year"]) for match in self._take(_YEARS)}
        self._year()
        found.location = labelled if labelled is not None else self._bare()
        if found.location is not None or found.year is not None or self._counted:
            found.island = self._island()
        return found

    def _take(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """Yield what matches, and take it out of the name."""
        for match in list(pattern.finditer(self._flat)):
            start, end = match.span()
            blank = _TAKEN * (end - start)
            self._flat = self._flat[:start] + blank + self._flat[end:]
            self._text = self._text[:start] + blank + self._text[end:]
            yield match

    def _quote(self, match: re.Match[str]) -> str:
        return self._whole[slice(*match.span())].strip(" -_")

    def _set_aside(self) -> None:
        for _ in self._take(_UUID):
            pass
        for _ in self._take(_COPIED):
            self._counted = True
            self._found.doubt("The date in the name is that of a copy.", "year", "location")
        for match in self._take(_COPIES):
            if any(character.isdigit() for character in match[0]):
                self._found.doubt(f"'{self._quote(match)}' may count copies.", "location")

    def _measures(self) -> None:
        for match in self._take(_SIZES):
            if match["unit"] == "cm":
                try:
                    self._found.side = QuadratSize.parse(match["size"])
                except BadInputError as error:
                    self._found.doubt(str(error), "side")
        for pattern in _MEASURES:
            for _ in self._take(pattern):
                pass

    def _labelled(self) -> int | None:
        """Return the position with the strongest label: a quadrat's, then a number's, then a photograph's."""
        kinds: dict[str, set[int]] = {}
        for match in list(_LABELLED.finditer(self._flat)):
            digits, number = match["digits"], int(match["digits"])
            kind = next(name for name in ("strong", "number", "photo", "hash") if match[name])
            looks_like_year = len(digits) == 4 and FIRST_YEAR <= number <= last_year()
            if match["more"]:
                self._found.doubt(f"'{self._quote(match)}' is no whole number.", "location")
            elif looks_like_year:
                self._found.doubt(f"'{self._quote(match)}' may be a year or a counter.", "year", "location")
            elif number == 0 or (kind != "strong" and len(digits) > 3) or len(digits) > 9:
                self._found.doubt(f"'{self._quote(match)}' may be a counter.", "location")
            else:
                kinds.setdefault("number" if kind == "hash" else kind, set()).add(number)
        for _ in self._take(_LABELLED):
            pass
        for kind in ("strong", "number", "photo"):
            if len(kinds.get(kind, ())) == 1:
                return next(iter(kinds[kind]))
            if kinds.get(kind):
                self._found.doubt(f"{_all_of(kinds[kind])} are labelled as positions.", "location")
                return None
        return None

    def _dates_in_words(self) -> None:
        for pattern in _DATES_IN_WORDS:
            self._years |= {int(match["year"]) for match in self._take(pattern)}
        short = [*_SHORT_YEARS]
        if not self._years and not _YEARS.search(self._flat):
            short.append(_SHORT_YEAR_OF_SEASON)
        for pattern in short:
            for match in self._take(pattern):
                if any(character.isdigit() for character in match[0]):
                    self._found.doubt(
                        f"'{self._quote(match)}' may be a date: type the year with four digits.", "year", "location"
                    )

    def _year(self) -> None:
        plausible = {year for year in self._years if FIRST_YEAR <= year <= last_year()}
        if len(plausible) > 1:
            self._found.doubt(f"The name holds the years {_all_of(plausible)}.", "year")
        elif plausible:
            self._found.year = next(iter(plausible))

    def _bare(self) -> int | None:
        candidates: set[int] = set()
        for match in list(_BARE.finditer(self._flat)):
            if _OF_A_PLACE.search(self._flat[: match.start()]):
                continue
            start, end = match.span()
            self._text = self._text[:start] + _TAKEN * (end - start) + self._text[end:]
            if len(match[0]) > 3:
                self._found.doubt(f"{match[0]} may be a counter.", "location")
            elif int(match[0]) > 0:
                candidates.add(int(match[0]))
        if len(candidates) > 1:
            self._found.doubt(f"Any of {_all_of(candidates)} may be the position.", "location")
            return None
        return next(iter(candidates), None)

    def _island(self) -> str | None:
        words: list[str] = []
        for word in _NOT_IN_ISLAND.sub(" ", self._text.replace(_TAKEN, " ")).split():
            core = word.strip("-")
            numbered = core.isdigit() and not (words and re.fullmatch(_PLACE_WITH_NUMBER, _folded(words[-1])))
            if core and not numbered and not _WORDS_OF_NO_PLACE.fullmatch(_folded(core)):
                words.append(core)
        name = " ".join(words)
        if not any(character.isalpha() for character in name) or len(name) < 2:
            return None
        try:
            return normalise_island(name)
        except BadInputError as error:
            self._found.doubt(str(error), "island")
            return None


def _all_of(numbers: set[int]) -> str:
    *first, last = map(str, sorted(numbers))
    return f"{', '.join(first)} and {last}"
