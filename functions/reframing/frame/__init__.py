"""The frame's inner edge, found by the colours of its four bars.

``colour`` learns the frame's colours. ``side_search`` collects candidate lines for each side, and ``hypotheses`` scores
combinations of four. ``side_points`` measures points along a side. ``bevel`` corrects for bevelled bars. ``fit`` puts
them together for a frame without strings; `reframing.strings` uses the same parts.
"""
