# Text as roff takes it.
function escape(s) {
  gsub(/\\/, "\\e", s)
  gsub(/-/, "\\-", s)
  if (s ~ /^[.']/) s = "\\&" s
  return s
}

# `words` in backquotes are bold.
function prose(s,    out, n) {
  s = escape(s)
  while ((n = index(s, "`")) > 0) {
    out = out substr(s, 1, n - 1) (odd++ % 2 ? "\\fR" : "\\fB")
    s = substr(s, n + 1)
  }
  return out s
}

# In lines of some 78 characters.
function print_prose(s,    i, n, word, line) {
  n = split(prose(s), word, " ")
  for (i = 1; i <= n; i++) {
    if (line != "" && length(line) + length(word[i]) > 77) {
      print line
      line = word[i] ~ /^[.']/ ? "\\&" : ""
    }
    line = line (line == "" || line == "\\&" ? "" : " ") word[i]
  }
  print line
  headed = 0
}

# A heading needs no paragraph below it.
function print_heading(macro, title) {
  print macro " " title
  headed = 1
}

function print_paragraph() {
  if (!headed) print ".PP"
  headed = 0
}

BEGIN { headed = 1 }
