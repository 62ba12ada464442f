"""The frame's inner edge, found by the colours of its four bars."""
