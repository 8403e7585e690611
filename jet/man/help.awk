# What a program says of itself under --help, as part of a man page: a line for each option, prose
# below them, variables of the environment, the exit status; with `synopsis` also the usage and the prose above. Plain awk.
#   PROGRAM --help | awk -f roff.awk -f help.awk -v options=TITLE [-v synopsis=1]

function flush(    n) {
  if (said == "") return
  if (term != "") printf ".TP\n\\fB%s\\fR\n", escape(term)
  else print_paragraph()
  print_prose(said)
  term = said = ""
}
function start(title) {
  flush()
  print_heading(".SH", title)
}

/^usage: / {
  if (synopsis) {
    start("SYNOPSIS")
    n = split($0, word, " ")
    sub(/.*\//, "", word[2])
    said = "`" word[2] "`"
    for (i = 3; i <= n; i++) said = said " " word[i]
    start("DESCRIPTION")
  }
  next
}
/^  --/ {
  if (!seen++) start(options)
  flush()
  if (!column && match($0, /^  --[^ ]+( [^ ]+)?  +/)) column = RLENGTH + 1  # of all options
  term = substr($0, 3, column - 3)
  sub(/ +$/, "", term)
  said = substr($0, column)
  next
}
/^Environment:$/ {
  start("ENVIRONMENT")
  next
}
/^  [A-Z_]+  +/ {  # a variable
  flush()
  match($0, /^  [A-Z_]+  +/)
  term = $1
  said = substr($0, RLENGTH + 1)
  next
}
/^    / {
  sub(/^ +/, "")
  said = said " " $0
  next
}
/^$/ {
  flush()
  next
}
/^Exit status: / {
  start("EXIT STATUS")
  sub(/^Exit status: /, "")
}
synopsis || seen { said = said (said == "" ? "" : " ") $0 }
END {
  flush()
  if (!column) exit 1
}
