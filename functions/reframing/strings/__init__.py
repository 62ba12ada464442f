"""The grid of strings, where a quadrat has one."""
