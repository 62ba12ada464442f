"""What is known of the model that made each figure, not of the model in use: its trust, and what it learned from."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from reefsteps.coverage_queries import CoverageRow
from reefsteps.learned import LearnedFrom, Photograph
from reefsteps.results import ModelIdentity, Trust
from reefsteps.trust import is_marked, trust_of, unknown_model

if TYPE_CHECKING:
    from reefsteps.detection import Manifest


def with_trust(rows: Iterable[CoverageRow], in_use: Manifest | None) -> list[CoverageRow]:
    """Return the rows, each of ours with its model's trust as far as it is known today.

    Errors may have been measured since a model made a row, so its manifest counts more than what the row recorded.
    Rows that another program wrote keep none.
    """
    known: dict[tuple[str | None, str | None, Trust | None], Trust | None] = {}
    found = []
    for row in rows:
        model = row.model_name, row.model_sha256, row.trust
        if model not in known:
            known[model] = _trust(row, in_use)
        found.append(dataclasses.replace(row, trust=known[model]))
    return found


def with_learning(rows: Iterable[CoverageRow], in_use: Manifest | None) -> list[CoverageRow]:
    """Return the rows; those of the model in use say whether it learned from their photographs by what it says today.

    All others keep what segmentation recorded when it measured.
    """
    rows = list(rows)
    if in_use is None or in_use.measured is None or in_use.measured.learned_from is None:
        return rows
    learned_from = LearnedFrom(in_use.measured.learned_from)
    return [_asked(row, learned_from) if row.model_sha256 == in_use.source.sha256 else row for row in rows]


def _asked(row: CoverageRow, learned_from: LearnedFrom) -> CoverageRow:
    photo = Photograph(row.raw_key or "", row.raw_version_id, row.original_sha256, row.original_name)
    entry = learned_from.entry(photo)
    left_out = entry.left_out_cover_percent if entry else None
    return dataclasses.replace(row, learned=entry is not None, left_out_percent=left_out)


def _trust(row: CoverageRow, in_use: Manifest | None) -> Trust | None:
    if row.model_name is None or row.model_sha256 is None:
        return None
    if in_use is not None and in_use.source.sha256 == row.model_sha256:
        return trust_of(in_use)
    return row.trust or unknown_model(ModelIdentity(row.model_name, row.model_sha256))


def sentences(trusts: Iterable[Trust | None], said: Iterable[str] = ()) -> list[tuple[str, int]]:
    """Return the sentence of each trust that is marked, with how many figures it is about, most first.

    What was ``said`` already is left out.
    """
    counts = Counter(trust.sentence for trust in trusts if is_marked(trust))
    already = set(said)
    return [(sentence, number) for sentence, number in counts.most_common() if sentence not in already]
