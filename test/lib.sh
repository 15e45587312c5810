# The lines that every test script prints. Sourced.

failures=0

pass() { echo "ok       $1"; }
# fail NAME [DETAILS...]
fail() {
  echo "FAILED   $1"
  [ $# -lt 2 ] || printf '%s\n' "${@:2}" | sed 's/^/         /'
  failures=$((failures + 1))
}
# is NAME EXPECTED GOT
is() { if [ "$2" = "$3" ]; then pass "$1"; else fail "$1" "expected: $2" "got:      $3"; fi; }
# free_port PORT: the first port from there on that nobody on loopback listens on.
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}

# What runs SQL. A test sets $conninfo; one with other ways to its servers defines `sql` or `ask` after it has sourced this.
#
# sql [psql's options...]: runs statements, prints values separated by bars.
sql() { psql "$conninfo" -XAtq -v ON_ERROR_STOP=1 "$@"; }
# ask STATEMENT...: runs statements in one session, with what `refused` wants of psql in $psql_options.
ask() {
  local statement options=()
  for statement; do options+=(-c "$statement"); done
  sql "${psql_options[@]}" "${options[@]}"
}
psql_options=()

# check NAME EXPECTED STATEMENT...: what they print is EXPECTED. Here and below the statements are the arguments of `ask`.
check() {
  local got
  got=$(ask "${@:3}" 2>&1) || true
  is "$1" "$2" "$got"
}
# refused NAME SQLSTATE TEXT STATEMENT...: the last of them fails with this SQLSTATE (a regular expression) and a message with TEXT.
refused() {
  local got psql_options=(-v VERBOSITY=verbose)
  if got=$(ask "${@:4}" 2>&1); then
    fail "$1" "it was not refused" "$got"
  elif grep -qE "(ERROR|FATAL):  $2:" <<<"$got" && grep -qF -- "$3" <<<"$got"; then
    pass "$1"
  else
    fail "$1" "expected $2 and: $3" "$got"
  fi
}
# await STATEMENT...: waits until they print t, at most $await_seconds.
await_seconds=30
await() {
  local i
  for ((i = 0; i < await_seconds * 10; ++i)); do
    [ "$(ask "$@" 2>/dev/null)" != t ] || return 0
    sleep 0.1
  done
  fail "awaited: ${*: -1}"
}

# Prints the last line of a script; exits with 1 if a check failed.
finish() {
  if [ "$failures" -gt 0 ]; then
    echo "$failures checks failed"
    exit 1
  fi
  echo "all checks passed"
}
