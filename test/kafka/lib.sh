# A Kafka (mock_kafka.cc) and a PostgreSQL of a test's own. Sourced, with $programs set to the folder of the programs. Sets $work,
# $conninfo and $brokers.

source "$(dirname "${BASH_SOURCE[0]}")/../rollup/server.sh"
millrace=$(realpath "$programs/millrace")
mock_kafka=$(realpath "$programs/mock_kafka")
# Faster than in production, so that a consumer that was killed is replaced soon. (The mock waits 3 s for other members, and forgets those
# whose session is shorter.)
fast=(--set session.timeout.ms=4000 --set heartbeat.interval.ms=500 --set fetch.wait.max.ms=50)

# start_database: with the extension, in $conninfo.
start_database() {
  init_server kafka "fsync = off"
  start_server kafka
  conninfo="host=$work/kafka user=postgres dbname=postgres"
  sql -c "CREATE EXTENSION millrace" -o /dev/null
}
sql() { psql "$conninfo" -XAtq -v ON_ERROR_STOP=1 "$@"; }
ask() {
  local statement options=()
  for statement; do options+=(-c "$statement"); done
  sql "${psql_options[@]}" "${options[@]}"
}

# start_mock BROKERS TOPIC PARTITIONS: sets $brokers. One at a time; the one before ends.
start_mock() {
  stop_mock
  rm -f "$work/to" "$work/from"
  mkfifo "$work/to" "$work/from"
  "$mock_kafka" "$1" "$2" "$3" "$work/ledger.$2" <"$work/to" >"$work/from" 2>>"$work/mock.log" &
  exec 7>"$work/to" 8<"$work/from"
  read -r -t 60 brokers <&8 || { cat "$work/mock.log"; exit 1; }
}
stop_mock() {
  exec 7>&- 8<&-
  brokers=
}
# mock WORD...: a command of it; its answer is in $answer.
mock() {
  echo "$*" >&7
  answer=
  read -r -t 660 answer <&8 || fail "the mock does not answer: $*"
}

# consume OPTION...: with the options that all of them need; as `run` of test/cli/lib.sh.
consume() {
  "$millrace" consume --brokers "$brokers" --conninfo "$conninfo" "${fast[@]}" "$@" >"$work/out" 2>"$work/err" 7>&- 8<&-
  status=$?
}
# start_consumer NAME OPTION...: in the background; its process is in $consumer.
start_consumer() {
  local name=$1
  shift
  "$millrace" consume --brokers "$brokers" --conninfo "$conninfo" "${fast[@]}" "$@" >>"$work/$name.log" 2>&1 7>&- 8<&- &
  consumer=$!
}
says() { if grep -qF -- "$2" "$work/err"; then pass "$1"; else fail "$1" "not said: $2" "$(head -20 "$work/err")"; fi; }
ends() { if [ "$status" = "$2" ]; then pass "$1"; else fail "$1" "exit status $status, not $2" "$(head -20 "$work/err")"; fi; }

# The table for the events of the mock's ledger, and the options that fill it.
make_events() {
  sql -c "CREATE TABLE $1 (event_id bigserial, id bigint NOT NULL, at timestamptz NOT NULL, name text, country text, kind text, part int, off bigint, PRIMARY KEY (event_id))"
}
ledger_options=(--map user.name=name --map user.country=country --time-format at=microseconds --meta-to partition=part --meta-to offset=off)
