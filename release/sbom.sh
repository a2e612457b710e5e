#!/usr/bin/env bash
# Write the bills of materials of the images, framecloak-cpu.cdx.json and framecloak-gpu.cdx.json (CycloneDX 1.6), and licences.md.
# Usage: release/sbom.sh FOLDER_OF_TOOLS OUTPUT
set -euo pipefail
tools="$(realpath "$1")"
output="$(realpath --canonicalize-missing "$2")"
cd "$(dirname "$0")/.."
rm -rf "$output"
mkdir -p "$output"
for kind in gpu cpu; do
    rm -rf "$output/environment"
    "$tools/uv" venv --quiet --python "$tools/python" "$output/environment"
    "$tools/uv" pip install --quiet --python "$output/environment" --no-deps --require-hashes \
        --requirement "requirements/$kind.lock"
    "$tools/uv" pip install --quiet --python "$output/environment" --no-deps .
    "$tools/cyclonedx-py" environment --pyproject pyproject.toml --mc-type application --spec-version 1.6 \
        --output-reproducible --output-format JSON --output-file "$output/framecloak-$kind.cdx.json" \
        "$output/environment/bin/python"
done
"$output/environment/bin/python" release/licences.py > "$output/licences.md"
rm -rf "$output/environment"
echo "wrote the bills of materials of both kinds of images and licences.md to $output"
