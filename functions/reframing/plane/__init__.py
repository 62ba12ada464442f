"""The quadrat's plane: geometry, the camera's view of it, sampling and the joint fit."""
