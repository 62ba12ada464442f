"""The grid of strings, where a quadrat has one: the most exact ruler in the picture.

``mesh`` says how strings divide an opening. ``search`` finds strings in a small straightened picture, and ``measure``
measures one in full resolution. ``grid`` puts them together. ``visibility`` tells whether the grid is one cell off.
``fit`` fits strings and inner edges together. (`segmentation.string_mask` finds the pixels under strings later.)
"""
