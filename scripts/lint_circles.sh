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

# "OBJECT: SYMBOL TYPE ..." a line.
cut -d ' ' -f 2 "$objects" | (cd "$build" && xargs nm -A --format=posix) >"$symbols" || {
  echo "lint_circles: $build lacks objects: build first" >&2
  exit 2
}

awk '
  # Prints the shortest circle through each node, each circle once.
  function circles(what, nodes, count, next_of, why,   i, j, at, first, last, queue, from, line, least, to, many, seen, bad) {
    for (i = 1; i <= count; i++) {
      split("", from)
      first = 1; last = 1; queue[1] = nodes[i]
      while (first <= last && !(nodes[i] in from)) {
        at = queue[first++]
        many = split(next_of[at], to, " ")
        for (j = 1; j <= many; j++) {
          if (!(to[j] in from)) {
            from[to[j]] = at
            queue[++last] = to[j]
          }
        }
      }
      if (!(nodes[i] in from)) continue
      # It is told from its least node on, so that it reads the same from each of its nodes.
      least = nodes[i]
      for (at = from[nodes[i]]; at != nodes[i]; at = from[at]) if (at < least) least = at
      line = ""
      at = least
      do {
        line = " -(" why[from[at], at] ")-> " at line
        at = from[at]
      } while (at != least)
      if (!(line in seen)) print "circle of " what ": " least line
      seen[line] = 1
      bad = 1
    }
    return bad
  }
  function room(file,   part, many) {
    many = split(file, part, "/")
    if (part[1] == "src" && many > 2) return part[1] "/" part[2]
    sub(/\/[^\/]*$/, "", file)
    return file
  }
  NR == FNR {
    source_of[$2 ":"] = $1
    if (!($1 in known)) { known[$1] = 1; files[++count] = $1 }
    next
  }
  { source = source_of[$1] }
  $3 ~ /[TDBRVWC]/ && !(($2, source) in defines) {
    defines[$2, source] = 1
    owners[$2] = owners[$2] " " source
  }
  $3 == "U" { uses[source, $2] = 1 }
  END {
    for (pair in uses) {
      split(pair, part, SUBSEP)
      if (!(part[2] in owners) || (part[2], part[1]) in defines) continue
      # A name that several files define belongs to programs that are linked apart: any may be meant.
      owned = split(owners[part[2]], owner, " ")
      for (i = 1; i <= owned; i++) {
        if (!((part[1], owner[i]) in why)) next_file[part[1]] = next_file[part[1]] " " owner[i]
        why[part[1], owner[i]] = part[2]
        a = room(part[1]); b = room(owner[i])
        if (a == b) continue
        if (!((a, b) in room_why)) next_room[a] = next_room[a] " " b
        room_why[a, b] = part[1] ": " part[2]
      }
    }
    for (i = 1; i <= count; i++) {
      name = room(files[i])
      if (!(name in rooms)) { rooms[name] = 1; room_list[++room_count] = name }
    }
    bad = circles("files", files, count, next_file, why)
    if (circles("rooms", room_list, room_count, next_room, room_why)) bad = 1
    exit bad
  }' "$objects" "$symbols"
