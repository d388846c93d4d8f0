#!/usr/bin/env bash
# Installs the wheel into an environment like Colab's and runs all lessons there, both editions, from the wheel alone.
#
#   tools/colab_check.sh                    Colab's IPython, ipykernel, ipywidgets, anywidget and matplotlib; all lessons
#   tools/colab_check.sh 00 09              two lessons
#   tools/colab_check.sh --newest           the wheel alone in a new environment, with the versions that pip chooses today
#
# What Colab has must not change: before anything is installed, pip's plan is compared with a list. Options:
#   --wheel FILE         use an existing wheel; otherwise one is built from this checkout
#   --torch-from VENV    link torch and torchvision from that environment: saves 5 GB and some minutes
#   --folder DIR         keep the environment in DIR, and reuse it; otherwise it is in a temporary folder and is deleted
# PYTHON is a Python with the project's test packages (default: .venv/bin/python); the new environment has its version.
set -euo pipefail

# Colab's runtime of August 2026. Its Python is 3.13; these versions run with 3.11 or newer.
COLAB=(ipython==7.34.0 ipykernel==6.17.1 ipywidgets==7.7.1 anywidget==0.9.21 matplotlib==3.10.0)
ALSO_THERE=(torch torchvision numpy pillow scikit-image tqdm safetensors pandas scipy statsmodels)
OURS="srgan-lessons stlpips-pytorch torchsummary" # the only packages that the first cell of a lesson may install

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
newest= wheel= torch_from= folder= lessons=()
while [ $# -gt 0 ]; do
  case $1 in
    --newest) newest=1 ;;
    --wheel | --torch-from | --folder)
      [ $# -gt 1 ] || { echo "colab_check: $1 needs a value" >&2; exit 2; }
      case $1 in --wheel) wheel=$2 ;; --torch-from) torch_from=$2 ;; --folder) folder=$2 ;; esac
      shift ;;
    -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit ;;
    [0-9][0-9]) lessons+=("$1") ;;
    *) echo "colab_check: unknown argument $1; see the first lines of $0" >&2; exit 2 ;;
  esac
  shift
done
[ -x "$python" ] || { echo "colab_check: there is no $python; run make install, or set PYTHON" >&2; exit 2; }
[ -z "$wheel" ] || [ -f "$wheel" ] || { echo "colab_check: there is no wheel $wheel" >&2; exit 2; }
[ -z "$torch_from" ] || [ -x "$torch_from/bin/python" ] || { echo "colab_check: no environment in $torch_from" >&2; exit 2; }
if [ -z "$folder" ]; then
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
fi
mkdir -p "$folder"
unset PYTHONPATH
export PYTHONNOUSERSITE=1 PIP_DISABLE_PIP_VERSION_CHECK=1

if [ -z "$wheel" ]; then
  rm -rf "$folder/wheel"
  (cd "$root" && "$python" -m hatchling build -t wheel -d "$folder/wheel" >/dev/null)
  wheel=$(echo "$folder"/wheel/*.whl)
fi
echo "wheel: $(basename "$wheel"), $(du -h "$wheel" | cut -f1)"

env=$folder/env
[ -x "$env/bin/python" ] || "$python" -m venv "$env"
if [ -n "$torch_from" ]; then
  "$torch_from/bin/python" "$root/tools/run_lessons.py" link torch torchvision --into "$env"
fi
if [ -n "$newest" ]; then
  "$env/bin/python" -m pip install -q "$wheel[notebooks,offline]"
else
  "$env/bin/python" -m pip install -q "${COLAB[@]}" "${ALSO_THERE[@]}"
  "$env/bin/python" -m pip uninstall -q -y srgan-lessons 2>/dev/null || true
  "$env/bin/python" -m pip install -q --dry-run --report "$folder/plan.json" "$wheel[offline]"
  "$python" "$root/tools/run_lessons.py" plan "$folder/plan.json" --only $OURS
  "$env/bin/python" -m pip install -q "$wheel[offline]"
  "$env/bin/python" - "${COLAB[@]}" <<'EOF'
import sys
from importlib.metadata import version

for pin in sys.argv[1:]:
    name, wanted = pin.split("==")
    if version(name) != wanted:
        sys.exit(f"colab_check: {name} is {version(name)}, no longer {wanted}")
EOF
fi
"$env/bin/python" -m pip list 2>/dev/null | grep -iE '^(ipython|ipykernel|ipywidgets|matplotlib|numpy|torch) '
SRGAN_LESSONS_FAST=1 "$python" "$root/tools/run_lessons.py" run "$env/bin/python" ${lessons[@]+"${lessons[@]}"} # as written, also where bash is old and the list is empty
