#!/usr/bin/env bash
# Measure what README says of failures, write figures/*.json, and put the tables into the README: 1 h 30 min.
# scripts/make_resilience.sh [PART ...]: delays, streams, kills, identity, soak, tables; all of them without a name.
# CLIPS: folder of the two real clips, which are not part of the repository; for identity.
# Run it on a quiet machine: it times. Only identity may be run beside other work. QUIET=no runs it all the same.
set -euo pipefail
cd "$(dirname "$0")/.."
SCR_LIVE=${SCR_LIVE:-.venv/bin/scr-live}
PYTHON=${PYTHON:-.venv/bin/python}
BUSY_FROM=0.5 # processes that run or wait for a processor, on average over a minute

delays() { quiet && "$PYTHON" scripts/measure_delays.py; }
streams() { quiet && "$PYTHON" scripts/measure_streams.py; }
kills() { quiet && "$PYTHON" scripts/measure_kills.py --out figures/kills.json; }
identity() {
    : "${CLIPS:?the folder with polyp_behind_fold.mp4 and normal_colon.mp4}"
    "$PYTHON" scripts/measure_identity.py "$CLIPS/polyp_behind_fold.mp4" "$CLIPS/normal_colon.mp4"
}
soak() {
    quiet
    rm -rf out/soak && mkdir -p out/soak
    "$SCR_LIVE" soak --minutes 61 --record out/soak --report figures/soak.json
}
tables() { "$PYTHON" scripts/readme_figures.py; }

# Wait a little for what the part before has left, then ask for a quiet machine.
quiet() {
    [[ ${QUIET:-} == no || ! -r /proc/loadavg ]] && return
    local load
    for _ in {1..30}; do
        read -r load _ </proc/loadavg
        awk -v load="$load" -v busy="$BUSY_FROM" 'BEGIN { exit !(load < busy) }' && return
        sleep 10
    done
    echo "Expected a quiet machine, found a load of $load. End what else runs, or say QUIET=no." >&2
    exit 1
}

parts=("$@")
((${#parts[@]})) || parts=(delays streams kills identity soak tables)
for part in "${parts[@]}"; do
    case $part in
    delays | streams | kills | identity | soak | tables) ;;
    *)
        echo "Expected delays, streams, kills, identity, soak or tables; found $part." >&2
        exit 2
        ;;
    esac
done
mkdir -p figures out
for part in "${parts[@]}"; do
    "$part"
done
