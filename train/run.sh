#!/bin/sh
# Trains the built-in model again and writes models/builtin.gguf: train/run.sh [RUN_FOLDER]
# Needs python3 with venv and g++; PyTorch, numpy, matplotlib and ninja come from PyPI. A run that was stopped goes on
# where it was. RUN_FOLDER/schedule.json (train/schedule.json at first) decides how long it takes.
set -eu
cd "$(dirname "$0")"
run=${1:-runs/builtin}
python=${PYTHON:-}
if [ -z "$python" ]; then
    [ -x ../build/train/bin/python ] || python3 -m venv ../build/train
    ../build/train/bin/pip install -q torch numpy jinja2 matplotlib regex setuptools ninja
    python=../build/train/bin/python
fi
mkdir -p "$run"
[ -e "$run/schedule.json" ] || cp schedule.json "$run/schedule.json"
"$python" train.py "$run" --export ../models/builtin.gguf
"$python" plot.py "$run" ../docs/images/builtin_loss.png
