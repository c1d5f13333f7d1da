#!/usr/bin/env bash
# Measure what README says of failures, write figures/*.json, and put the tables into the README: 1 h 30 min.
# CLIPS: folder of the two real clips, which are not part of the repository.
# Run it on a quiet machine: it times. The soak may be run beside other work.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${CLIPS:?the folder with polyp_behind_fold.mp4 and normal_colon.mp4}"
SCR_LIVE=${SCR_LIVE:-.venv/bin/scr-live}
PYTHON=${PYTHON:-.venv/bin/python}
mkdir -p figures out

"$PYTHON" scripts/measure_delays.py
"$PYTHON" scripts/measure_streams.py
"$PYTHON" scripts/measure_kills.py --out figures/kills.json
"$PYTHON" scripts/measure_identity.py "$CLIPS/polyp_behind_fold.mp4" "$CLIPS/normal_colon.mp4"
rm -rf out/soak && mkdir out/soak
"$SCR_LIVE" soak --minutes 61 --record out/soak --report figures/soak.json
"$PYTHON" scripts/readme_figures.py
