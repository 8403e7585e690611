#!/bin/sh
# Writes the generated pages of docs/ from the program's own tables.
set -eu
jimm=${BUILD:-build}/jimm
{
  echo "# Variants"
  echo
  echo "Made by \`make docs\` from \`jimm list --json\`; do not edit."
  echo
  echo "| model | parameters | classes | input | licence |"
  echo "| --- | ---: | ---: | --- | --- |"
  "$jimm" list --json | awk '
    function value(line) { sub(/^[^:]*: */, "", line); sub(/,$/, "", line); gsub(/"/, "", line); return line }
    /^    "name"/ { name = value($0) }
    /^    "params"/ { params = value($0) }
    /^    "num_classes"/ { classes = value($0) }
    /^    "license"/ { license = value($0) }
    /^    "input_size"/ { size = ""; reading = 1 }
    reading && /^ *[0-9]+,?$/ { number = $1; sub(/,/, "", number); size = size (size == "" ? "" : " x ") number }
    reading && /\]/ { reading = 0 }
    /^  }/ { printf "| %s | %s | %s | %s | %s |\n", name, params, classes, size, license }'
} >docs/variants.md
