#!/usr/bin/env bash
# Writes what images consist of: framecloak.cdx.json (CycloneDX 1.6) and licences.md.
# Usage: release/sbom.sh FOLDER_OF_TOOLS OUTPUT
set -euo pipefail
tools="$(realpath "$1")"
output="$(realpath --canonicalize-missing "$2")"
cd "$(dirname "$0")/.."
rm -rf "$output"
mkdir -p "$output"
"$tools/uv" venv --quiet --python "$tools/python" "$output/environment"
"$tools/uv" pip install --quiet --python "$output/environment" --no-deps --require-hashes \
    --requirement requirements/cpu.lock
"$tools/uv" pip install --quiet --python "$output/environment" --no-deps .
"$tools/cyclonedx-py" environment --pyproject pyproject.toml --mc-type application --spec-version 1.6 \
    --output-reproducible --output-format JSON --output-file "$output/framecloak.cdx.json" \
    "$output/environment/bin/python"
"$output/environment/bin/python" release/licences.py > "$output/licences.md"
rm -rf "$output/environment"
echo "wrote $output/framecloak.cdx.json and $output/licences.md"
