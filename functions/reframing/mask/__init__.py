"""From the frame's mask to a rough quadrilateral.

``outline`` cleans the mask and takes its outline. ``quadrilateral`` finds the four lines that explain an outline.
``rough_quad`` decides whether the mask is a ring of bars or a filled quadrat.
"""
