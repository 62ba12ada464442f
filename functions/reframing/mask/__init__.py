"""From the frame's mask to a rough quadrilateral."""
