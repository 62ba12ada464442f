"""Points on photographs that a person has answered: files of other programs, their places, and what is kept of them.

Positions are in the original photograph's pixels (`reefsteps.results`), so they outlive corners that are set anew.
"""
