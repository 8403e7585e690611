# A header of the kit as part of a man page: what its comments say, and of each macro, function and
# type that is for users how it is written. Plain awk.
#   awk -f roff.awk -f header.awk -v skip=REGEX HEADER     (skip: sections that are not for users)

# ---- Prose: comments of a column of text, indented tables and code ----

function flush_text() {
  if (texts) {
    print_paragraph()
    print_prose(text)
  }
  text = ""
  texts = 0
}

function is_table(line) {
  return line !~ /[;{#(]/ && line ~ /[^ ]  +[^ ]/
}

function flush_block(    i) {
  if (!blocks) return
  while (blocks && block[blocks] == "") blocks--
  if (is_table(block[1])) print_table()
  else {
    print_paragraph()
    print ".EX"
    for (i = 1; i <= blocks; i++) print escape(block[i])
    print ".EE"
  }
  blocks = 0
}

# Cells stand below the words of the first line; a row may take several lines.
function print_table(    i, k, n, at, rest, from, cell, row, cells, filled) {
  rest = block[1]
  at = 1
  while (match(rest, /^[^ ]+( [^ ]+)* */)) {
    from[++n] = at
    at += RLENGTH
    rest = substr(rest, RLENGTH + 1)
  }
  printf ".TS\nl lx"
  for (k = 3; k <= n; k++) printf " lx"
  print "."
  for (i = 1; i <= blocks; i++) {
    filled = 0
    for (k = 1; k <= n; k++) {
      cell = substr(block[i], from[k], k < n ? from[k + 1] - from[k] : 1000)
      gsub(/^ +| +$/, "", cell)
      cells[k] = cell
      filled += cell != ""
    }
    if (i > 1 && (cells[1] == "" || open)) {
      for (k = 1; k <= n; k++) row[k] = row[k] (row[k] != "" && cells[k] != "" ? " " : "") cells[k]
    } else {
      if (i > 1) print_row(row, n)
      for (k = 1; k <= n; k++) row[k] = cells[k]
    }
    open = filled == 1 && cells[1] != ""
  }
  print_row(row, n)
  print ".TE"
}

function print_row(row, n,    k) {
  for (k = 1; k <= n; k++) printf "T{\n%s\nT}%s", prose(row[k]), k < n ? "\t" : "\n"
}

function comment_line(line) {
  if (line ~ /^  /) {
    flush_text()
    block[++blocks] = substr(line, 3)
  } else if (line == "" && blocks) {
    block[++blocks] = ""
  } else if (line == "") {
    flush_text()
  } else {
    flush_block()
    text = text (texts++ ? " " : "") line
  }
}

function end_comment() {
  flush_block()
  flush_text()
}

# ---- Items: what is declared, then what was said of it ----

function flush_group(    i) {
  if (terms) {
    headed = 0
    for (i = 1; i <= terms; i++) printf "%s\n\\fB%s\\fR\n", i == 1 ? ".TP" : ".TQ", escape(term[i])
    if (said == "") print "\\&"
    else print_prose(said)
  } else if (said != "") {
    print_paragraph()
    print_prose(said)
  }
  terms = 0
  said = ""
}

function add_term(declaration) {
  if (bare && !inside && said == "") return
  gsub(/JT_API |JT_NORETURN|JT_PRINTF\([0-9, ]*\)/, "", declaration)
  gsub(/ +/, " ", declaration)
  sub(/^ /, "", declaration)
  sub(/ *[;,]? *$/, "", declaration)
  term[++terms] = declaration
}

function add_said(line) {
  bare = 0
  said = said (said == "" ? "" : " ") line
}

# ---- Lines ----

FNR == 1 {
  intro = 1
  sub(/^\/\/ [^:]*: /, "// ")
  $0 = "// " toupper(substr($0, 4, 1)) substr($0, 5)
}
intro && /^\/\// {
  comment_line($0 == "//" ? "" : substr($0, 4))
  next
}
intro {
  end_comment()
  intro = 0
}

/^\/\/ ---- / {
  flush_group()
  sub(/^\/\/ ---- /, "")
  sub(/ -+$/, "")
  skipped = skip != "" && $0 ~ skip
  if (!skipped) print_heading(".SS", $0)
  next
}
skipped { next }

# Types: fields and enumerators, each with its comment behind or above it.
!inside && /^(typedef )?(struct|enum)[ a-z_]*\{.*\};?/ {
  add_term($0)
  next
}
!inside && /^(typedef )?(struct|enum)[ a-z_]*\{ *$/ {
  sub(/^typedef /, "")
  sub(/ *\{ *$/, "")
  inside = 1
  add_term($0)
  flush_group()
  print ".RS"
  above = declaration = ""
  next
}
inside && /^\}/ {
  flush_group()
  print ".RE"
  inside = 0
  next
}
inside && /^ *\/\// {
  match($0, /^ */)
  line = substr($0, RLENGTH + 4)
  if (RLENGTH > 2 && terms) add_said(line)
  else {
    if (terms) flush_group()
    above = 1
    add_said(line)
  }
  next
}
inside {
  comment = ""
  if (match($0, /\/\/ /)) {
    comment = substr($0, RSTART + 3)
    $0 = substr($0, 1, RSTART - 1)
  }
  if (comment != "" || !above) {
    if (terms) {
      flush_group()
      above = 0
    }
  }
  declaration = declaration (declaration == "" ? "" : " ") $0
  if (comment != "") add_said(comment)
  if (declaration ~ /;/ || declaration !~ /\(/ && declaration ~ /, *$|^ *[A-Z_0-9]+( = [^,]*)? *$/) {
    add_term(declaration)
    declaration = ""
  }
  next
}

# Comments, macros and functions of the file's own level.
/^\/\// {
  if (terms) flush_group()
  if ($0 !~ /clang-format/) add_said(substr($0, 4))
  next
}
/^#define (TEST|(TEST|JT)_[A-Z_]*[A-Z])\(/ && !/^#define JT_(API|NORETURN|PRINTF|CONSTRUCTOR|HERE)/ {
  match($0, /\([^)]*\)/)
  name = substr($0, 9, RSTART + RLENGTH - 9)
  if (!seen[name]++) add_term(name)
  next
}
/^#define JT_[A-Z_]*[A-Z] [^_]/ && !/JT_(API|NORETURN|CONSTRUCTOR)/ {
  add_term($2)
  next
}
/^(JT_API|typedef) / {
  declaring = ""
  function_line = 1
}
function_line {
  declaring = declaring $0 " "
  if (/;/) {
    add_term(declaring)
    function_line = 0
  }
  next
}
/^$/ { flush_group() }
/^#endif/ {
  flush_group()
  bare = 1  # what follows without a comment is behind the macros
}
END { flush_group() }
