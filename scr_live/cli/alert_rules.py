"""What alert rules cost, for `run --help`; made by scripts/readme_figures.py."""

from typing import Final

MEASURED: Final = (
    "Measured of scr-net-lite0, under 0 / 0.25 / 0.5 / 1 / 2 s: 5.0 / 1.7 / 0.0 / 0.0 / 0.0 false "
    "alarms a minute in a real clip without a polyp (36 s, so known within wide limits: see README), "
    "first mark after 0.00 / 0.28 / 0.52 / 2.20 / 5.48 s in one with a polyp (7 s). On your clips: "
    "scr-live tune."
)
