# What the tests of the engine share. Sourced, with the connection string of a superuser in $1:
# keyword=value pairs, as test/run has it.

[ $# -ge 1 ] || { echo "usage: $(basename "$0") CONNINFO" >&2; exit 2; }
superuser=$1
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$here/../lib.sh"
export PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning -c timezone=UTC"
work=$(mktemp -d)

# verdict NAME DETAILS CONDITION...: CONDITION is a command; the check passes if it succeeds.
verdict() {
  local name=$1 details=$2
  shift 2
  if "$@"; then pass "$name: $details"; else fail "$name" "$details"; fi
}

# make_database NAME: makes a database with the extensions, which is dropped when the script ends. Sets
# $conninfo to it, as the superuser.
make_database() {
  database=$1
  conninfo="$superuser dbname=$database"
  psql "$superuser" -XAtq -v ON_ERROR_STOP=1 -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" \
    -c "CREATE DATABASE $database"
  trap leave EXIT
  sql -c "CREATE EXTENSION hll" -c "CREATE EXTENSION topn"
}
# await_server: waits after a crash until the server answers again.
await_server() {
  local i
  for ((i = 0; i < 150; ++i)); do
    if psql "$superuser" -XAtqc "SELECT 1" >/dev/null 2>&1; then return 0; fi
    sleep 0.2
  done
}
leave() {
  set +e
  await_server
  psql "$superuser" -XAtq -c "DROP DATABASE IF EXISTS $database WITH (FORCE)" >/dev/null 2>&1 || true
  rm -rf "$work"
}

# seed_random: sets $seed, prints how to repeat the run, and seeds RANDOM.
seed_random() {
  seed=${MILLRACE_TEST_SEED:-$((RANDOM * 32768 + RANDOM))}
  RANDOM=$((seed % 32768))
  echo "seed: MILLRACE_TEST_SEED=$seed"
}

# An open session: start_session; tell STATEMENTS. What it prints goes to $work/session.out.
session=
start_session() {
  mkfifo "$work/in" "$work/out"
  psql "$conninfo" -XAtq <"$work/in" >"$work/out" 2>&1 &
  session=$!
  exec 3>"$work/in" 4<"$work/out"
  tell "SELECT pg_backend_pid()"
  backend=$answer
}
# tell STATEMENT: runs it in the session and waits for its end. Sets $answer to what it printed, with errors.
tell() {
  printf '%s;\n\\echo =done=\n' "$1" >&3
  hear
}
hear() {
  local line
  answer=
  while IFS= read -r -t 120 line <&4; do
    [ "$line" != =done= ] || return 0
    answer+=${answer:+$'\n'}$line
  done
  fail "the session does not answer" "$answer"
  exit 1
}
# mute, listen: whether the session prints rows; it always prints errors.
mute() { printf '\\o /dev/null\n' >&3; }
listen() { printf '\\o\n' >&3; }
end_session() {
  exec 3>&- 4<&-
  wait "$session" || true
  rm -f "$work/in" "$work/out"
}
