#!/usr/bin/env bash
# Half an hour on a GPU: checks, measures speed, trains the reference networks and packs what came out.
#
#   tools/gpu_session.sh --data DIR --work DIR --out DIR [--minutes N] [--tiny] [STAGE ...]
#
# Runs from a checkout, on a machine that has torch and the core dependencies alone; nothing is downloaded.
#
#   --data DIR     laid out as SRGAN_LESSONS_DATA: BSDS500/train, BSDS500/test and SunHays80 to train on (46 MB);
#                  weights/vgg_shift_tolerant.pth (59 MB) as content loss and weights/alex_shift_tolerant.pth to judge
#                  with, both from the package stlpips-pytorch; Set5, Set14 and BSD100 to measure on
#   --work DIR     run folders; keep it between calls, since training goes on where it stopped
#   --out DIR      what is worth keeping: tables, curves, weights; no file over 16 MiB
#   --minutes N    the longest piece of training (default 9); a stage is trained in as many pieces as it needs
#   --pieces N     how many pieces at most in this call (default: until it is done)
#   --tiny         a rehearsal on any machine: small networks, 20 updates
#
# Stages, in this order if none is named:
#   check          what the machine is and what is missing
#   tests          the tests that need a GPU
#   speed          benchmarks/speed_ladder.py and benchmarks/training_step.py
#   srresnet       SRResNet-MSE, 300,000 updates
#   half           SRGAN from it, 2,000 updates each in bf16 and in fp16 with a scaler: do they train without a NaN?
#   srgan-vgg22    SRGAN from it, 50,000 updates, content loss phi(2,2) of the offline VGG16, and pixels
#   srgan-stlpips  SRGAN from it, 50,000 updates, content loss ST-LPIPS
#   srgan-mse      SRGAN from it, 50,000 updates, content loss MSE: the paper's SRGAN-MSE of Table 1
#   control        SRResNet-MSE on shuffled pairs, 20,000 updates: the negative control
#   measure        both protocols and ST-LPIPS on the three sets
#   pack           curves and weights into --out
set -euo pipefail
cd "$(dirname "$0")/.."

PYTHON=${PYTHON:-python3}
minutes=9 pieces=1000 tiny= data= work= out= stages=()
while (($#)); do
  case $1 in
    --data) data=$2; shift 2 ;;
    --work) work=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    --minutes) minutes=$2; shift 2 ;;
    --pieces) pieces=$2; shift 2 ;;
    --tiny) tiny=1; shift ;;
    -h | --help) sed -n '2,/^set -/{/^set -/d;s/^# \{0,1\}//;p}' "$0"; exit 0 ;;
    -*) echo "gpu_session: unknown option $1; --help lists them" >&2; exit 2 ;;
    *) stages+=("$1"); shift ;;
  esac
done
for name in data work out; do
  [[ -n ${!name} ]] || { echo "gpu_session: --$name is missing; --help says what it is" >&2; exit 2; }
done
networks=(srresnet srgan-vgg22 srgan-stlpips srgan-mse control)
((${#stages[@]})) || stages=(check tests speed srresnet half "${networks[@]:1}" measure pack)
mkdir -p "$work" "$out"
export SRGAN_LESSONS_DATA=$data PYTHONUNBUFFERED=1
device=$("$PYTHON" -c 'import torch; print("cuda" if torch.cuda.is_available() else "cpu")')
course=("$PYTHON" -m srgan_lessons)
photos=("$data/BSDS500/train" "$data/BSDS500/test" "$data/SunHays80")

# Networks and numbers: the real ones, or those of a rehearsal.
size=() fast=() long=300000 gan=50000 short=20000 half=2000
[[ $device == cuda ]] && fast=(--cuda-graph)
if [[ -n $tiny ]]; then
  long=20 gan=20 short=20 half=20
  size=(--blocks 2 --channels 8 --batch 4 --crop 32 --validate-every 20)
  photos=("$data/BSDS500/test")
fi

check() {
  "${course[@]}" doctor
  for photo in "${photos[@]}"; do [[ -d $photo ]] || echo "MISSING: $photo"; done
  for weights in vgg alex; do
    [[ -f $data/weights/${weights}_shift_tolerant.pth ]] || echo "MISSING: $data/weights/${weights}_shift_tolerant.pth"
  done
  command -v nvidia-smi >/dev/null && nvidia-smi || echo "nvidia-smi: not here"
}

tests() { "$PYTHON" -m pytest tests/test_gpu.py -q -p no:cacheprovider; }

speed() {
  local how=() updates=()
  [[ -n $tiny ]] && how=(--recipes espcn --rounds 1) && updates=(--updates 1)
  "$PYTHON" benchmarks/speed_ladder.py "${how[@]}" "${updates[@]}" --out "$out/speed.md" &&
    "$PYTHON" benchmarks/training_step.py "${how[@]}" "${updates[@]:---updates=20}" --out "$out/training_step.md"
}

# train NAME RECIPE OPTIONS...: in pieces, each of which resumes the one before it.
train() {
  local name=$1 recipe=$2 piece log; shift 2
  for ((piece = 1; piece <= pieces; piece++)); do
    log=$work/$name.$piece.txt
    "${course[@]}" train "$recipe" --photos "${photos[@]}" --folder "$work/$name" --minutes "$minutes" --seed 0 \
      --log-every 500 --checkpoint-minutes 2 "${size[@]}" "${fast[@]}" "$@" 2>&1 | tr '\r' '\n' | tee "$log" | grep -v 'update' || true
    grep -q '^finished' "$log" && return
    grep -q '^stopped after update' "$log" || { echo "gpu_session: $name broke off:" >&2; tail -5 "$log" >&2; return 1; }
  done
  echo "gpu_session: $name is not done yet; the same call goes on"
}

srresnet() { train srresnet srresnet-mse --steps "$long" --schedule one-cycle --lr 4e-4; }
half() {
  local precision fast=()  # a recorded update knows no scaler
  for precision in bf16 fp16; do
    train "half-$precision" srgan-offline --precision "$precision" --steps "$half" \
      --init "$work/srresnet/weights.safetensors" || return
  done
}
srgan-vgg22() { train srgan-vgg22 srgan-offline --steps "$gan" --init "$work/srresnet/weights.safetensors"; }
srgan-stlpips() {
  train srgan-stlpips srgan-offline --content stlpips --steps "$gan" --init "$work/srresnet/weights.safetensors"
}
srgan-mse() { train srgan-mse srgan-mse --steps "$gan" --init "$work/srresnet/weights.safetensors"; }
control() {
  train control srresnet-mse --shuffled --steps "$short" --schedule one-cycle --lr 4e-4
}

measure() {
  local sets=(Set5 Set14 BSD100) judge=(--stlpips) failed=0 name
  [[ -n $tiny ]] && sets=(Set5)
  [[ -f $data/weights/alex_shift_tolerant.pth ]] || judge=()
  for name in bicubic "${networks[@]}"; do
    local method=$name
    [[ $name == bicubic ]] || method=$work/$name/weights.safetensors
    [[ $name == bicubic || -f $method ]] || { echo "$name: not trained yet"; continue; }
    echo "=== $name"
    "${course[@]}" evaluate "$method" --sets "${sets[@]}" --protocol both "${judge[@]}" --json "$out/$name.json" || failed=1
  done
  return $failed
}

pack() {
  local name picture keep=()
  for name in "${networks[@]}" half-bf16 half-fp16; do
    [[ -f $work/$name/log.csv ]] || continue
    keep+=("$name/log.csv" "$name/settings.json")
    picture=$(cd "$work" && find "$name" -path '*/preview/*.png' | sort | tail -n 1)  # none before the first validation
    keep+=(${picture:+"$picture"})
  done
  ((${#keep[@]})) || { echo "nothing is trained yet"; return 1; }
  for name in "${networks[@]}"; do
    [[ ! -f $work/$name/weights.safetensors ]] || cp "$work/$name/weights.safetensors" "$out/$name.safetensors"
  done
  (cd "$work" && tar czf - ./*.txt "${keep[@]}") > "$out/runs.tar.gz"
  ls -l "$out"
}

failed=()
for stage in "${stages[@]}"; do
  declare -F "$stage" >/dev/null || { echo "gpu_session: no stage $stage; --help lists them" >&2; exit 2; }
  printf '\n--- %s on %s, %s\n' "$stage" "$device" "$(date -u +%H:%M:%S)"
  "$stage" 2>&1 | tee "$out/$stage.txt" || failed+=("$stage")
done
((${#failed[@]} == 0)) || { echo "gpu_session: failed: ${failed[*]}" >&2; exit 1; }
