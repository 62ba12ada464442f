"""Every limit of reframing: thresholds, weights, tolerances, steps and sizes, each with its unit and its source.

Change a limit here and nowhere else. ``mask.py``, ``frame.py``, ``strings.py`` and ``plane.py`` hold the limits of the
folders of the same name. ``gate.py`` holds those that decide whether a fit is accepted. A field's annotation names its
unit and its source (``units.py``). Most limits were set on drawn photographs of seeds 0 to 499, and photographs of
other seeds confirm them (docs, measurements of reframing). After a change run

    python -m tests.benchmarks.bench_reframing

``SIDE`` is the unit of most lengths: a share of the opening's side, for a rectangle of the mean of its two sides.
Positions across a side are positive inside of it. Pairs are (from, to).
"""
