"""The synthetic colon: an analytic scene, a renderer, and the truth of every frame.

The modules here render; `scr_live.sources.phantom` makes a video source of them.
"""
