#!/usr/bin/env bash
# Measure what the README states but for failures (make_resilience.sh), write figures/*.json, and put the tables
# into the README.
# DATA: folder of the image sets; CLIPS: folder of the two real clips. Both are not part of the repository; the
# boxes of the polyp in one of the clips are, figures/polyp_behind_fold.truth.json: drawn by eye, by one person.
# Run it on a quiet machine: it times. figures/ablation.json is made by `scr-live ablate`, which trains: hours.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${DATA:?the folder with kvasir-seg, cvc-clinicdb and negatives}"
: "${CLIPS:?the folder with polyp_behind_fold.mp4 and normal_colon.mp4}"
SCR_LIVE=${SCR_LIVE:-.venv/bin/scr-live}
PYTHON=${PYTHON:-.venv/bin/python}
mkdir -p figures out

run() { # name, then options
  local name=$1
  shift
  "$SCR_LIVE" run --no-display --force --record "out/$name.mp4" --stats "figures/run-$name.json" "$@"
}

video() { # name, then clip and options
  local name=$1
  shift
  "$SCR_LIVE" evaluate-video "$@" --json "figures/video-$name.json"
}

run sample --source assets/sample_videos/phantom.mp4
run sample-fp32 --source assets/sample_videos/phantom.mp4 --precision fp32
run sample-onnxruntime --source assets/sample_videos/phantom.mp4 --engine onnxruntime
run polyp-clip --source "$CLIPS/polyp_behind_fold.mp4"
run polyp-clip-realtime --source "$CLIPS/polyp_behind_fold.mp4" --realtime
run normal-clip --source "$CLIPS/normal_colon.mp4"
sets=(--data "$DATA/kvasir-seg" --data "$DATA/cvc-clinicdb" --data "$DATA/negatives" --split val --sweep)
"$SCR_LIVE" evaluate "${sets[@]}" --json figures/accuracy.json
"$SCR_LIVE" evaluate "${sets[@]}" --precision fp32 --json figures/accuracy-fp32.json
"$SCR_LIVE" evaluate "${sets[@]}" --model scr-net-plain --json figures/accuracy-plain.json
# Every form of both models, compared with PyTorch (extras export and rtx); the files themselves are not kept.
for name in scr-net-lite0 scr-net-plain; do
  "$SCR_LIVE" export --ckpt "models/$name/weights.safetensors" --precision fp32,fp16,int8 --engine tensorrt-rtx \
    --calibration "$DATA/kvasir-seg" --verify "$DATA/kvasir-seg" --out "out/export/$name"
  cp "out/export/$name/manifest.json" "figures/export-$name.json"
done
"$PYTHON" scripts/measure_phantom.py --flights 12 --seed 20000 --every 2 --out figures/phantom.json
"$PYTHON" scripts/measure_shortcuts.py --data "$DATA/kvasir-seg" --data "$DATA/negatives"
"$PYTHON" scripts/measure_parts.py
# Speed side by side; the peers' networks need the extra export to be written.
"$SCR_LIVE" bench --engine openvino,onnxruntime --precision fp32,int8 --layers --seconds 40 --json figures/bench.json
[ -d out/peers ] || "$PYTHON" scripts/peers/make_peers.py --out out/peers
peers=()
for file in out/peers/*.onnx; do peers+=(--model "$file"); done
"$SCR_LIVE" bench --engine openvino --precision fp32 --model scr-net-lite0 "${peers[@]}" --model scr-net-plain \
  --rounds 7 --no-throughput --no-memory --no-floor --json figures/bench-peers.json
"$SCR_LIVE" bench --pipeline phantom:duration=10,fps=30 --json figures/pipeline-file.json
"$SCR_LIVE" bench --pipeline phantom:duration=10,fps=30 --realtime --json figures/pipeline-live.json
"$PYTHON" scripts/measure_sizes.py "${sets[@]:0:6}" --calibration "$DATA/kvasir-seg"
"$PYTHON" scripts/measure_serving.py --seconds 8 --out figures/serving.json
"$PYTHON" scripts/measure_archive.py
"$PYTHON" scripts/measure_tracking.py
"$PYTHON" scripts/measure_carrying.py "$CLIPS/polyp_behind_fold.mp4"
boxes=figures/polyp_behind_fold.truth.json
video normal-clip "$CLIPS/normal_colon.mp4" --truth none
video normal-clip-unsteady "$CLIPS/normal_colon.mp4" --truth none --no-steady
video polyp-clip "$CLIPS/polyp_behind_fold.mp4" --truth "$boxes"
video polyp-clip-unsteady "$CLIPS/polyp_behind_fold.mp4" --truth "$boxes" --no-steady
video phantom phantom:seed=0,duration=16 --truth phantom
video phantom-clean phantom:seed=4,polyps=0,duration=300 --truth phantom
sed -i "s|$CLIPS/|CLIPS/|g" figures/run-*.json figures/video-*.json figures/carrying.json # where they lie is no figure
"$PYTHON" scripts/make_readme_picture.py
"$PYTHON" scripts/readme_figures.py
