# The rules of docs/jet.md as part of a man page. Plain awk.
#   awk -f roff.awk -f rules.awk docs/jet.md

function sentence(s) {
  return s (s ~ /\.$/ ? "" : ".")
}

/^\| rule \| what \|/ {
  inside = 1
  getline
  next
}
inside && /^\| / {
  n = split($0, cell, / *\| */)
  gsub(/`/, "", cell[2])
  printf ".TP\n\\fB%s\\fR\n", escape(cell[2])
  print_prose(sentence(cell[3]) " Why: " sentence(cell[4]) " To silence it: " sentence(cell[5]))
  count++
  next
}
{ inside = 0 }
END { if (!count) exit 1 }
