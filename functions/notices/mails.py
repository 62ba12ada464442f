"""The words of mails about executions that ended without a result. Pure functions."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from notices.ended import NO_MODEL, Ended
from reefsteps.explanations import Explanation, explain
from reefsteps.failures import console_url

MOST_SINGLE = 5
"""More failures than these in one batch become one mail."""
_MOST_NAMED = 10  # of one kind in a digest
_MOST_SUBJECT = 100  # SNS takes no more, and ASCII only

_WHAT = {
    "pipeline": "{subject} was not measured.",
    "convert": "{subject}: no model was made. The model that was in use before stays in use.",
    "removal": "What was made from {subject} could not be removed.",
    "relabel": "Photographs got only some of the names or sizes that were asked for.",
    "backfill": "A backfill stopped before it was done.",
}
_NO_MODEL = Explanation(
    "The conversion ended well, but there was nothing that it could make a model of.",
    "Read the message below. Upload the checkpoint (.pth or .pkl) if it is missing; else nothing is to be done.",
    (),
)


@dataclass(frozen=True)
class Mail:
    """A mail; the subject is ASCII of at most 100 characters."""

    subject: str
    text: str


def mails_about(failures: Sequence[Ended], stack: str) -> list[Mail]:
    """Return a mail for each failure, or one digest where there are more than `MOST_SINGLE`."""
    if len(failures) > MOST_SINGLE:
        return [_digest(failures, stack)]
    return [_single(failure, stack) for failure in failures]


def daily_count(refused: Sequence[Ended], stack: str) -> Mail | None:
    """Return the mail that counts the refused photographs of a day; None if there are none."""
    if not refused:
        return None
    counts = Counter(one.error for one in refused)
    lines = [f"{count} x {error}: {_explained(error).meaning}" for error, count in counts.most_common()]
    photographs = _photographs(len(refused))
    text = "\n".join(
        [f"{photographs} refused since the last count.", "", *lines, "", "The page lists them under 'needs attention'."]
    )
    return Mail(_subject(f"{stack}: {photographs} refused"), text)


def _single(failure: Ended, stack: str) -> Mail:
    explanation = _explained(failure.error)
    parts = [_title(failure), "", explanation.meaning, explanation.advice, "", f"Error: {failure.error or 'unnamed'}"]
    parts += [f"Step: {failure.step}"] if failure.step else []
    parts += [f"Message: {failure.message}"] if failure.message else []
    parts += [f"Time: {failure.at:%Y-%m-%d %H:%M} UTC"] if failure.at else []
    parts += [f"Execution: {console_url(failure.arn)}"]
    what = "no model" if failure.error == NO_MODEL else failure.error
    return Mail(_subject(f"{stack} {failure.machine}: {failure.subject}: {what}"), "\n".join(parts))


def _digest(failures: Sequence[Ended], stack: str) -> Mail:
    kinds = Counter((one.machine, one.error) for one in failures)
    parts = [f"{len(failures)} executions ended without a result within a few minutes.", ""]
    for (machine, error), count in kinds.most_common():
        explanation = _explained(error)
        parts += [f"{count} x {machine}: {error}", explanation.meaning, explanation.advice]
        of_kind = [one for one in failures if (one.machine, one.error) == (machine, error)]
        for one in of_kind[:_MOST_NAMED]:
            parts += [f"  {one.subject}", f"    {console_url(one.arn)}"]
        parts += [f"  and {count - _MOST_NAMED} more"] if count > _MOST_NAMED else []
        parts += [f"  First message: {of_kind[0].message}"] if of_kind[0].message else []
        parts += [""]
    if any(one.machine == "pipeline" for one in failures):
        parts += ["Once the cause is gone, 'make retry' or the page's Runs starts all of them again."]
    return Mail(_subject(f"{stack}: {len(failures)} executions failed"), "\n".join(parts))


def _title(failure: Ended) -> str:
    return _WHAT.get(failure.machine, "{subject} ended without a result.").format(subject=failure.subject)


def _explained(error: str) -> Explanation:
    return _NO_MODEL if error == NO_MODEL else explain(error)


def _photographs(count: int) -> str:
    return "1 photograph was" if count == 1 else f"{count} photographs were"


def _subject(text: str) -> str:
    """Return the text as SNS takes a subject: ASCII that begins with a letter, without line breaks."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^!-~]+", " ", plain).strip()[:_MOST_SUBJECT]
