#!/bin/sh
# Whether two commits compute the same bits: every operator, architecture and image, on every
# instruction-set level that this machine has.
#
#   scripts/same_bits.sh OLD [NEW]             compares; NEW is by default the working tree's build
#   scripts/same_bits.sh --lines SIDE >FILE    prints what is compared, a line a tensor
#
# A side is a commit (built in a temporary folder), a build folder, or a FILE of such lines. With
# --parts LIST (of op, image, program, small, large; separated by commas) only these run: the first
# three take seconds, small and large architectures minutes. Lines that OLD has not are new, and no
# failure. Prints each line that differs and then one of counts. Exit status: 0 the same, 1 a
# difference or a failure, 2 usage.
set -eu
cd "$(dirname -- "$0")/.."

usage() {
  echo "usage: scripts/same_bits.sh [--parts LIST] OLD [NEW] | [--parts LIST] --lines SIDE" >&2
  exit 2
}
fail() {
  echo "same_bits.sh: $*" >&2
  exit 1
}

parts=op,image,program,small,large
lines=
while [ $# -gt 0 ]; do
  case $1 in
    --parts) [ $# -gt 1 ] || usage; parts=$2; shift 2 ;;
    --lines) lines=1; shift ;;
    -*) usage ;;
    *) break ;;
  esac
done
[ $# -ge 1 ] && [ $# -le $((lines ? 1 : 2)) ] || usage
for part in $(echo "$parts" | tr , ' '); do
  case $part in
    op | image | program | small | large) ;;
    *) usage ;;
  esac
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# build SIDE PREFIX: builds a side that is no file, and the digest against its headers and libraries:
# PREFIX.build is the folder, PREFIX.program the digest.
build() {
  [ ! -f "$1" ] || return 0
  if [ -f "$1/build.ninja" ]; then
    folder=$(cd "$1" && pwd)
  else
    commit=$(git rev-parse --verify --quiet "$1^{commit}") ||
      fail "$1 is no commit, no build folder and no file"
    folder=$2.tree/build
    mkdir "$2.tree"
    git archive "$commit" | tar -x -C "$2.tree"
    ${MESON:-meson} setup -Dtests=false "$folder" "$2.tree" >"$work/log" 2>&1 ||
      fail "$(cat "$work/log")"
  fi
  targets=$(ninja -C "$folder" -t targets all |
    sed -nE 's/^(jimm|(.*\/)?libjimm(-image)?\.so[.0-9]*): .*/\1/p')
  # shellcheck disable=SC2086
  ninja -C "$folder" $targets >"$work/log" 2>&1 || fail "$(cat "$work/log")"
  ln -s "$folder" "$2.build"
  headers=$(sed -n 's/.*"source": "\([^"]*\)".*/\1/p' "$folder/meson-info/meson-info.json")/include
  libs=$(find "$folder" -name libjimm.so -o -name libjimm-image.so)
  for lib in $libs; do
    libs="$libs -Wl,-rpath,${lib%/*}"
  done
  # shellcheck disable=SC2086
  ${CC:-cc} -std=c17 -D_GNU_SOURCE -O2 -ffp-contract=off -I"$headers" bench/same_bits.c $libs -lm \
    -o "$2.program"
}

# What the program says, where that is exact: the numbers of predictions and of comparisons with
# timm, and the tensors of images.
program_lines() {
  "$1/jimm" predict --json -w demo/digits demo/images | awk '{ print "program/predict/" NR "\t" $0 }'
  "$1/jimm" parity --json --threads 1 'test_*' resnet10t 2>/dev/null |
    awk '/"seconds"|"peak_bytes"|"share_of_bar"/ { next } { print "program/parity/" ++n "\t" $0 }'
  for model in resnet50.a1_in1k resnet50.tv_in1k convnext_base.fb_in22k_ft_in1k_384; do
    for image in test/data/images/photo.jpg test/data/images/lossy.webp test/data/images/rgb8.png; do
      "$1/jimm" preprocess "$model" "$image" -o "$2.npy" || return
      printf 'program/preprocess/%s/%s\t%s\n' "$model" "${image##*/}" "$(cksum <"$2.npy")"
    done
  done
}

# part_lines PREFIX PART
part_lines() {
  case $2 in
    image) "$1.program" image test/data/images ;;
    program) program_lines "$1.build" "$1" ;;
    *) "$1.program" "$2" ;;
  esac
}

# digest SIDE PREFIX: PREFIX.lines are the lines of a side, each behind its level, PREFIX.levels the
# levels that it has.
digest() {
  if [ -f "$1" ]; then
    awk -v parts=",$parts," '{ split($0, part, "/") } index(parts, "," part[2] ",")' "$1" >"$2.lines"
    cut -d/ -f1 "$2.lines" | sort -u >"$2.levels"
    return
  fi
  : >"$2.lines"
  : >"$2.levels"
  for level in $levels; do
    export JIMM_CPU="$level"
    [ "$("$2.program" level)" = "$level" ] || continue
    echo "$level" >>"$2.levels"
    for part in $(echo "$parts" | tr , ' '); do
      part_lines "$2" "$part" >"$2.part" && [ -s "$2.part" ] ||
        fail "$1: $part on $level failed"
      sed "s|^|$level/|" "$2.part" >>"$2.lines"
    done
  done
}

levels='baseline avx2 avx512'
if [ "$lines" ]; then
  build "$1" "$work/side"
  digest "$1" "$work/side"
  cat "$work/side.lines"
  exit
fi

old=$1
new=${2:-${BUILD:-build}}
[ $# -eq 2 ] || [ -e "$new" ] || ${MESON:-meson} setup "$new" >/dev/null
build "$old" "$work/old"
build "$new" "$work/new"
digest "$old" "$work/old" &
digest "$new" "$work/new"
wait $!
skipped=0
for level in $levels; do
  if ! grep -qx "$level" "$work/old.levels" || ! grep -qx "$level" "$work/new.levels"; then
    echo "skipped: $level, which this machine or a side does not have"
    skipped=$((skipped + 1))
    sed -i "\|^$level/|d" "$work/old.lines" "$work/new.lines"
  fi
done
awk -F '\t' -v skipped=$skipped '
  FNR == NR { old[$1] = $0; next }
  !($1 in old) { added++; next }
  old[$1] == $0 { passed++; delete old[$1]; next }
  { print "- " old[$1]; print "+ " $0; failed++; delete old[$1] }
  END {
    for (name in old) { print "- " old[name]; print "+ (nothing)"; failed++ }
    if (added) printf "%d lines are new\n", added
    printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
    exit failed > 0 || passed == 0
  }' "$work/old.lines" "$work/new.lines"
