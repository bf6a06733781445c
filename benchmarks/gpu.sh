#!/usr/bin/env bash
# The whole measurement on a GPU, unattended, in less than eight minutes: simulate the paper's graph, train on it in
# float32 (TF32), bfloat16, and bfloat16 compiled, run the tests that need a GPU. Needs PyTorch, PyTorch Geometric and
# this repository; no network, no RDKit, no database.
#
#   benchmarks/gpu.sh [--json FILE] [--nodes N] [--batch-size N]      see: benchmarks/gpu.sh --help
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [[ -z "${PYTHON:-}" ]]; then
  PYTHON=.venv/bin/python
  [[ -x "$PYTHON" ]] || PYTHON=python3
fi
exec "$PYTHON" -m benchmarks.gpu "$@"
