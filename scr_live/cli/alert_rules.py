"""What alert rules cost, for `run --help`; made by scripts/readme_figures.py."""

from typing import Final

MEASURED: Final = (
    "Measured with scr-net-lite0: false alarms a minute in a real clip without a polyp (36 s, in "
    "brackets 95 % intervals), first mark of the polyp in another (7 s).\n\n"
    "0 s: 5.0 (1.0-14.6); 0.00 s\n\n"
    "0.25 s: 1.7 (0.0-9.3); 0.00 s\n\n"
    "0.5 s: 0.0 (0.0-6.1); 0.52 s\n\n"
    "1 s: 0.0 (0.0-6.1); 2.20 s\n\n"
    "2 s: 0.0 (0.0-6.1); 5.48 s\n\n"
    "On your own clips: scr-live tune."
)
