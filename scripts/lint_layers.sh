#!/bin/sh
# Holds every #include to the table of rooms, src/rooms.txt: a room includes those that its row names,
# and includes each of them. The table's rooms exist and stand below those that they may include, so
# there is no circle; every folder of src, and every source, belongs to a row.
# Usage: scripts/lint_layers.sh [TREE]   (default: this one). Prints each finding; exits 1 if any.
set -eu
cd "${1:-$(dirname -- "$0")/..}"
files=$(mktemp)
trap 'rm -f "$files"' EXIT
git ls-files --cached --others --exclude-standard '*.c' '*.h' '*.cpp' '*.hpp' '*.def' >"$files"
find src -mindepth 1 -maxdepth 1 -type d | sort | awk '
  function found(text) {
    print text
    bad = 1
  }
  # The row of the deepest folder that the file is in.
  function room_of(file) {
    while (sub("/[^/]*$", "", file)) {
      if (file in name_of) return file
    }
    return ""
  }
  function add_row(line,   column, word, many, i) {
    if (split(line, column, " [|] ") != 4) {
      found("src/rooms.txt:" FNR ": a row is folder | library | may include | what it holds")
      return
    }
    folder = column[1]
    name = folder
    sub(".*/", "", name)
    if (name in folder_of) found("src/rooms.txt:" FNR ": a second room " name)
    if (system("test -d \"" folder "\"") != 0) found("src/rooms.txt:" FNR ": there is no " folder)
    if (column[3] == "every") every[folder] = 1
    many = split(column[3] == "-" || column[3] == "every" ? "" : column[3], word, " ")
    for (i = 1; i <= many; i++) {
      if (!(word[i] in folder_of)) found("src/rooms.txt:" FNR ": " folder " may include " word[i] ", which is no room above it")
      else allowed[folder, folder_of[word[i]]] = FNR
    }
    folder_of[name] = folder
    name_of[folder] = name
  }
  # The folder of the room that an include means; "" for its own, the system or a library.
  function target(file, text, quoted,   here, first) {
    if (!index(text, "/")) return ""
    first = text
    sub("/.*", "", first)
    here = file
    sub("/[^/]*$", "", here)
    if (quoted && (here "/" first) in folders) return ""
    if (!(first in folder_of)) {
      if (quoted && first != "..") found(file ":" FNR ": no room is called " first)
      return ""
    }
    if (!quoted && folder_of[first] !~ "(^|/)include/") return ""
    return folder_of[first]
  }
  FILENAME == "src/rooms.txt" { if ($0 !~ /^#/ && $0 != "") add_row($0); next }
  FILENAME == "-" { if (!($0 in name_of)) found($0 ": no row of src/rooms.txt"); next }
  {
    sources[++count] = $0
    for (folder = $0; sub("/[^/]*$", "", folder); ) folders[folder] = 1
  }
  END {
    for (i = 1; i <= count; i++) {
      file = sources[i]
      from = room_of(file)
      if (from == "") found(file ": in no room of src/rooms.txt")
      if (from == "" || from in every) continue
      for (FNR = 1; (getline line <file) > 0; FNR++) {
        # A macro that is a file stands for the #include that names it.
        if (line !~ /^[ \t]*#[ \t]*include[ \t]*[<"]/ &&
            line !~ /^[ \t]*#[ \t]*define[ \t]+[A-Z_]+[ \t]+"[^"]*[.](def|h)"$/) continue
        quoted = line ~ /^[^<]*"/
        sub(/^[^<"]*[<"]/, "", line)
        sub(/[>"].*/, "", line)
        to = target(file, line, quoted)
        if (to == "" || to == from) continue
        used[from, to] = 1
        if (!((from, to) in allowed)) found(file ":" FNR ": " from " must not include " line)
      }
      close(file)
    }
    for (pair in allowed) {
      split(pair, side, SUBSEP)
      if (!(pair in used)) found("src/rooms.txt:" allowed[pair] ": " side[1] " includes nothing of " side[2])
    }
    exit bad
  }
' src/rooms.txt "$files" -
