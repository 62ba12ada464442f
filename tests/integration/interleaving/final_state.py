"""What must hold when nothing is under way: one right row, or nothing, and pictures of that very photograph."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from reefsteps.buckets import Buckets
from reefsteps.coverage_queries import coverage_rows, provenance
from reefsteps.database import Database
from reefsteps.derived_objects import all_derived, decisions, derived_from
from reefsteps.images import decode
from reefsteps.steps import STEPS
from reefsteps.surveys import SurveyKey
from tests.integration.interleaving.memory_s3 import MemoryS3, Version

BUCKETS = Buckets("reef-raw", "reef-treated", "reef-reframed", "reef-segmented", "reef-masks")
GREY_STEP = 40  # each upload is lighter than the one before by this


def faults_of(survey: SurveyKey, s3: MemoryS3, database: Database) -> Iterator[str]:
    """Yield what is wrong with a survey, now that nothing is under way."""
    objects = {(ref.bucket, ref.key): s3.current(ref.bucket, ref.key) for ref in derived_from(BUCKETS, survey.stem)}
    present = {place: version for place, version in objects.items() if version}
    with database.read() as connection:
        row = provenance(connection, survey)
        rows = [found for found in coverage_rows(connection) if found.location == survey.location]
    photo = s3.current("reef-raw", survey.key("png"))
    if photo is None:
        yield from (f"{place} is left" for place in present)
        yield from ["a row is left"] if rows else []
        return
    by_hand = {(BUCKETS.name_of(item.bucket), item.key(survey.stem)) for item in decisions()}
    decided = {place[1].split("/")[0]: json.loads(present[place].body or b"") for place in by_hand & present.keys()}
    own = {name: value for name, value in decided.items() if value["source_version_id"] == photo.version_id}
    if own.get("no-quadrat", {}).get("no_quadrat"):  # pictures of earlier runs stay
        yield from ["a row although a person says that there is no quadrat"] if rows else []
        return
    made = {place: version for place, version in present.items() if place not in by_hand}
    for place, version in made.items():
        if version.metadata["source-version-id"] != photo.version_id:
            yield f"{place} was made from {version.metadata['source-version-id']}"
    yield from _faults_of_pixels(photo.body or b"", made)
    yield from _mixtures(made)
    if row is None or len(rows) != 1:
        yield f"{len(rows)} rows"
        return
    if row.restoration.source.image.version_id != photo.version_id:
        yield "another photo's row"
    yield from (f"{place} is missing" for place in objects.keys() - by_hand - present.keys())
    last = present.get(("reef-segmented", f"results/{survey.stem}.json"))
    if last and last.metadata["execution-name"] != row.execution.name:
        yield f"the row is {row.execution.name}'s, the overlay {last.metadata['execution-name']}'s"
    if "corners" in own and not row.reframing.manual:
        yield "corners set by hand are without effect"


def _mixtures(made: Mapping[tuple[str, str], Version]) -> Iterator[str]:
    for step in STEPS:
        own = {BUCKETS.name_of(item.bucket) for item in all_derived() if item.writer is step}
        makers = {version.metadata["execution-name"] for place, version in made.items() if place[0] in own}
        if len(makers) > 1:
            yield f"{step} mixes {sorted(makers)}"


def _faults_of_pixels(photo: bytes, present: Mapping[tuple[str, str], Version]) -> Iterator[str]:
    wanted = decode(photo).pixels_bgr.mean()
    for (bucket, key), version in present.items():
        if key.endswith(".jpg") and abs(decode(version.body or b"").pixels_bgr.mean() - wanted) > GREY_STEP / 2:
            yield f"{key} in {bucket} shows another photograph"
