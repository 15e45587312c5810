# Servers of a test's own, reached by unix socket only. Sourced. Sets $work; it is removed with the servers at the end.
# PostgreSQL refuses root, so as root they run as the user postgres.

source "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"
work=$(mktemp -d /tmp/millrace-rollup.XXXXXX)
chmod 755 "$work"
export PGOPTIONS="${PGOPTIONS:-} -c client_min_messages=warning -c timezone=UTC"
bin=$(pg_config --bindir)
servers=()

if [ "$(id -u)" = 0 ]; then
  chown postgres "$work"
  as_postgres() { runuser -u postgres -- "$@"; }
else
  as_postgres() { "$@"; }
fi

# init_server NAME [SETTING...]: makes a cluster in $work/NAME; its socket is there too.
init_server() {
  local name=$1
  shift
  as_postgres "$bin/initdb" -D "$work/$name" -A trust -U postgres --no-sync -E UTF8 --locale=C.UTF-8 >"$work/initdb.log" 2>&1 || {
    cat "$work/initdb.log"
    exit 1
  }
  configure "$name" "shared_preload_libraries = 'millrace'" "listen_addresses = ''" "unix_socket_directories = '$work/$name'" \
    "shared_buffers = 64MB" "restart_after_crash = on" "max_connections = 30" "log_min_messages = warning" "$@"
}
configure() {
  local name=$1 setting
  shift
  for setting; do echo "$setting" | as_postgres tee -a "$work/$name/postgresql.conf" >/dev/null; done
}
# start_server NAME [VARIABLE=VALUE...]
start_server() {
  local name=$1
  shift
  as_postgres env "$@" "$bin/pg_ctl" -D "$work/$name" -w -t 60 -l "$work/$name.log" start >/dev/null || {
    tail -20 "$work/$name.log"
    exit 1
  }
  case " ${servers[*]} " in *" $name "*) ;; *) servers+=("$name") ;; esac
}
stop_server() { as_postgres "$bin/pg_ctl" -D "$work/$1" -w -t 60 -m "${2:-fast}" stop >/dev/null 2>&1 || true; }
stop_all() {
  set +e
  for name in "${servers[@]}"; do stop_server "$name" immediate; done
  [ -z "${mounted:-}" ] || umount "$mounted"
  rm -rf "$work"
}
trap stop_all EXIT

# on NAME DATABASE [psql's options...]
on() {
  local name=$1 database=$2
  shift 2
  psql "host=$work/$name user=${role:-postgres} dbname=$database" -XAtq -v ON_ERROR_STOP=1 "$@"
}
# ask SERVER DATABASE STATEMENT: for check, refused and await (test/lib.sh).
ask() { on "$1" "$2" "${psql_options[@]}" -c "$3"; }

# Makes a table of events with two rollups, in a database that has the extensions.
make_rollups() {
  on "$1" "$2" -o /dev/null -c "CREATE EXTENSION hll" -c "CREATE EXTENSION topn" -c "CREATE EXTENSION millrace"
  on "$1" "$2" -o /dev/null <<'SQL'
CREATE TABLE events (event_id bigserial, event_time timestamptz NOT NULL DEFAULT now(), tenant bigint, device bigint, batch bigint)
  PARTITION BY RANGE (event_time);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2026-01-02');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2026-01-02') TO ('2026-01-03');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
CREATE FUNCTION add(first int, last int, number int DEFAULT NULL) RETURNS void LANGUAGE sql AS $$
  INSERT INTO events (event_time, tenant, device, batch)
  SELECT timestamptz '2026-01-01' + i % 5000 * interval '17 seconds', nullif(i % 7, 0), i % 50, number FROM generate_series(first, last) i $$;
SELECT add(1, 3000);
SELECT millrace.create_rollup('five', $$
  SELECT tenant, date_bin('5 minutes', event_time, 'epoch') AS minute, count(*) AS n, hll_add_agg(hll_hash_bigint(device)) AS devices,
         topn_add_agg(device::text) AS top FROM events GROUP BY 1, 2 $$, refresh_interval => '100 milliseconds');
SELECT millrace.create_rollup('hour', $$
  SELECT tenant, date_trunc('hour', minute, 'UTC') AS hour, sum(n)::bigint AS n, hll_union_agg(devices) AS devices FROM five GROUP BY 1, 2 $$);
SQL
}
# exact NAME SERVER DATABASE: after a refresh each event is counted once.
exact() {
  on "$2" "$3" -o /dev/null -c "SELECT millrace.refresh_rollup('five')" || fail "$1: refresh"
  check "$1: every event counted once" t "$2" "$3" \
    "SELECT (SELECT count(*) FROM events) = ALL (ARRAY[(SELECT sum(n) FROM five), (SELECT sum(n) FROM hour), (SELECT sum(n) FROM five_live)])
       AND NOT EXISTS (SELECT FROM millrace.verify_rollup('five')) AND NOT EXISTS (SELECT FROM millrace.verify_rollup('hour'))"
}
