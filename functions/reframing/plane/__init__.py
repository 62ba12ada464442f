"""The quadrat's plane: geometry, lines and peaks, the camera's view, sampling and the joint fit.

``geometry`` explains the coordinates, ``side`` names the four sides.
"""
