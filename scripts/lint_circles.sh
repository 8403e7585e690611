#!/bin/sh
# No two files need each other, directly or around a circle, and no two rooms do: usage
# scripts/lint_circles.sh [BUILD] [FOLDER...] (default: build, and every folder of sources but
# tests, benchmarks and examples, whose files are programs of their own).
#
# What a file needs is read from its object: an undefined symbol is an arrow to the file that
# defines it. Each circle is printed with a symbol for every arrow; exits 1 if there is one.
set -eu
build=${1:-build}
[ $# -eq 0 ] || shift
[ -f "$build/compile_commands.json" ] || { echo "lint_circles: no $build: build first" >&2; exit 2; }

objects=$(mktemp)
symbols=$(mktemp)
trap 'rm -f "$objects" "$symbols"' EXIT

# "SOURCE OBJECT" a line, of the folders that were asked for.
sed -nE 's/^ *"(file|output)": "(.*)",?$/\1 \2/p' "$build/compile_commands.json" | awk -v folders="$*" '
  BEGIN { count = split(folders, wanted, " ") }
  $1 == "file" { source = $2; sub(/^(\.\.\/)+/, "", source); sub(/^subprojects\//, "", source) }
  $1 == "output" && source !~ /(^|\/)(test|tests|bench|examples|docs)\// {
    take = count == 0
    for (i = 1; i <= count; i++) take = take || index(source, wanted[i] "/") == 1
    if (take) print source, $2
  }' >"$objects"
[ -s "$objects" ] || { echo "lint_circles: no sources in $*" >&2; exit 2; }

# "SOURCE TYPE SYMBOL" a line.
while read -r source object; do
  nm --format=posix "$build/$object" | awk -v source="$source" '$2 ~ /^[A-Zuvw]$/ { print source, $2, $1 }'
done <"$objects" >"$symbols" || exit 2

awk '
  # Prints the shortest circle through each node that no printed circle has shown yet.
  function circles(what, nodes, count, arrow, why,   i, j, k, at, first, last, queue, from, line, seen, bad) {
    for (i = 1; i <= count; i++) {
      if (nodes[i] in seen) continue
      split("", from)
      first = 1; last = 1; queue[1] = nodes[i]
      while (first <= last && !(nodes[i] in from)) {
        at = queue[first++]
        for (j = 1; j <= count; j++) {
          if ((at, nodes[j]) in arrow && !(nodes[j] in from)) {
            from[nodes[j]] = at
            queue[++last] = nodes[j]
          }
        }
      }
      if (!(nodes[i] in from)) continue
      line = ""
      at = nodes[i]
      do {
        line = " -(" why[from[at], at] ")-> " at line
        at = from[at]
        seen[at] = 1
      } while (at != nodes[i])
      print "circle of " what ": " at line
      bad = 1
    }
    return bad
  }
  function room(file) { sub(/\/[^\/]*$/, "", file); sub(/\/generic$/, "", file); return file }
  { if (!($1 in known)) { known[$1] = 1; files[++count] = $1 } }
  $2 ~ /[TDBRVWC]/ { if (!(($3, $1) in defines)) { defines[$3, $1] = 1; owners[$3] = owners[$3] " " $1 } }
  $2 == "U" { uses[$1, $3] = 1 }
  END {
    for (pair in uses) {
      split(pair, part, SUBSEP)
      if (!(part[2] in owners) || (part[2], part[1]) in defines) continue
      # A name of several files belongs to programs that are linked apart: each of them may be meant.
      owned = split(owners[part[2]], owner, " ")
      for (i = 1; i <= owned; i++) {
        arrow[part[1], owner[i]] = 1
        why[part[1], owner[i]] = part[2]
        a = room(part[1]); b = room(owner[i])
        if (a != b) { room_arrow[a, b] = 1; room_why[a, b] = part[1] ": " part[2] }
      }
    }
    for (i = 1; i <= count; i++) {
      name = room(files[i])
      if (!(name in rooms)) { rooms[name] = 1; room_list[++room_count] = name }
    }
    bad = circles("files", files, count, arrow, why)
    if (circles("rooms", room_list, room_count, room_arrow, room_why)) bad = 1
    exit bad
  }' "$symbols"
