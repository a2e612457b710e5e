#!/usr/bin/env bash
# Build wheel and sdist, install the wheel outside the checkout, and run the demo there.
# Usage: release/check.sh FOLDER_OF_TOOLS OUTPUT
set -euo pipefail
tools="$(realpath "$1")"
output="$(realpath --canonicalize-missing "$2")"
cd "$(dirname "$0")/.."
rm -rf "$output"
mkdir -p "$output"

"$tools/python" -m build --outdir "$output/dist" . > "$output/build.log"
wheel=("$output"/dist/*.whl)
sdist=("$output"/dist/*.tar.gz)

echo "== contents of the wheel"
entries="$("$tools/python" -m zipfile --list "${wheel[0]}")"
for entry in framecloak/adapters/postgres/migrations/env.py framecloak/adapters/vision/detection/centerface_calibration.json \
    framecloak/domain/anonymization/results/manifest.schema.json framecloak/py.typed licenses/LICENSE; do
    grep --quiet "$entry" <<< "$entries" || { echo "the wheel has no $entry" >&2; exit 1; }
done
if grep --extended-regexp --quiet '(^|/)(tests|benchmarks)/' <<< "$entries"; then
    echo "the wheel contains tests or benchmarks" >&2
    exit 1
fi

echo "== a wheel built from the sdist is the same"
mkdir "$output/unpacked"
tar --extract --gzip --file "${sdist[0]}" --directory "$output/unpacked" --strip-components 1
"$tools/python" -m build --wheel --outdir "$output/again" "$output/unpacked" > "$output/again.log"
again=("$output"/again/*.whl)
diff <(cut --delimiter ' ' --fields 1 <<< "$entries") \
    <("$tools/python" -m zipfile --list "${again[0]}" | cut --delimiter ' ' --fields 1)

echo "== the demo, from a clean environment"
"$tools/uv" venv --quiet --python "$tools/python" "$output/environment"
"$tools/uv" pip install --quiet --python "$output/environment" "${wheel[0]}[embedded]"
mkdir "$output/elsewhere"
cd "$output/elsewhere"
env --unset PYTHONPATH MODEL_PATH="$output/models" DATA_DIR="$output/data" \
    "$output/environment/bin/framecloak" demo --once --output "$output/demo"
test -s "$output"/demo/*.zip
"$output/environment/bin/framecloak" --version
"$output/environment/bin/python" -m framecloak --version
if "$output/environment/bin/python" -c "import domain" 2> /dev/null; then
    echo "the wheel installs packages beside framecloak" >&2
    exit 1
fi
echo "good to release: $(basename "${wheel[0]}"), $(basename "${sdist[0]}")"
