"""Valid inputs made wrong: bytes of a file, and values of a JSON document."""

from __future__ import annotations

import copy
import random
from typing import Any

_NUMBERS = tuple(map(bytes.fromhex, ("00000000", "ffffffff", "7fffffff", "ffffff7f", "00010000", "80000000")))
_TEXTS = ("", " ", "\x00", "\ud800", "é" * 300, "../..", "a" * 5000, "NaN", "1e999", "\u202e", "%00", "+", "'", '"')
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**400, -(2**63), 0.5, float("nan"), float("inf"), 1e308, [], {}, [[]], [None] * 50,
    *_TEXTS,
)  # fmt: skip
_LETTERS = "0123456789-_.+%/ \\'\"éÉ\u0301\u2019\ud83d\udc20\ud800\x00abcXYZ"


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Return the file with one to six things wrong: bytes changed, numbers enlarged, parts lost, repeated or moved."""
    body = bytearray(data)
    for _ in range(rng.randint(1, 6)):
        if not body:
            break
        # Most mistakes that matter are in the head, where sizes and offsets stand.
        limit = len(body) if rng.random() < 0.5 else min(len(body), 200)
        at, length = rng.randrange(limit), rng.choice((1, 2, 4, 16, 200))
        match rng.randrange(6):
            case 0:
                body[at] = rng.randrange(256)
            case 1:
                body[at : at + 4] = rng.choice(_NUMBERS)
            case 2:
                del body[at : at + length]
            case 3:
                body[at:at] = body[at : at + length]
            case 4:
                del body[at + 1 :]
            case _:
                other = rng.randrange(len(body))
                body[at : at + length] = body[other : other + length]
    return bytes(body)


def altered(value: Any, rng: random.Random) -> Any:
    """Return a copy of a JSON document in which one to four values, at any depth, are lost or something else."""
    changed = copy.deepcopy(value)
    for _ in range(rng.randint(1, 4)):
        places = list(_places(changed))
        if not places:
            break
        inside, name = rng.choice(places)
        if rng.random() < 0.2:
            del inside[name]
        else:
            inside[name] = copy.deepcopy(rng.choice(_VALUES))
    return changed


def _places(value: Any) -> Any:
    if isinstance(value, dict):
        for name, item in value.items():
            yield value, name
            yield from _places(item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield value, number
            yield from _places(item)


def text(seeds: tuple[str, ...], rng: random.Random) -> str:
    """Return a name that somebody might give, with some characters replaced, added or lost."""
    letters = list(rng.choice(seeds))
    for _ in range(rng.randint(0, 5)):
        at = rng.randint(0, len(letters))
        if rng.random() < 0.3:
            del letters[at : at + rng.choice((1, 3))]
        else:
            letters[at:at] = rng.choice(_LETTERS) * rng.choice((1, 1, 1, 40))
    return "".join(letters)
