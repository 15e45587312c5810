# A Citus cluster of a test's own on one machine: a coordinator and two workers. Sourced. The cluster is removed at the end.
# PostgreSQL refuses root, so as root it runs as the user postgres.
#
# If PostgreSQL has no Citus, says that the test is skipped, and ends it. $MILLRACE_PG_BINDIR may name the programs of a PostgreSQL that has it.
# $first_port is the first port to try, so that tests that run at the same time do not take the same ones.
# Sets $conninfo (the coordinator's database, as the role `citus`) and $superuser, $worker1, $worker2 (as `postgres`).

bin=${MILLRACE_PG_BINDIR:-$(pg_config --bindir)}
if [ ! -e "$("$bin/pg_config" --sharedir)/extension/citus.control" ]; then
  echo "skipped  PostgreSQL in $bin has no Citus"
  exit 0
fi
cluster=$(mktemp -d /tmp/millrace-citus.XXXXXX)
chmod 755 "$cluster"
if [ "$(id -u)" = 0 ]; then
  chown postgres "$cluster"
  as_postgres() { runuser -u postgres -- "$@"; }
else
  as_postgres() { "$@"; }
fi
free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do port=$((port + 1)); done
  echo "$port"
}
stop_cluster() {
  for node in coordinator worker1 worker2 worker3; do
    as_postgres "$bin/pg_ctl" -D "$cluster/$node" -w -t 60 -m immediate stop >/dev/null 2>&1 || true
  done
  rm -rf "$cluster"
}
trap stop_cluster EXIT

# node NAME PORT: makes a node on loopback, where the nodes trust each other.
node() {
  as_postgres "$bin/initdb" -D "$cluster/$1" -A trust -U postgres --no-sync -E UTF8 --locale=C.UTF-8 >"$cluster/$1.initdb" 2>&1 || {
    cat "$cluster/$1.initdb"
    exit 1
  }
  as_postgres tee -a "$cluster/$1/postgresql.conf" >/dev/null <<CONF
shared_preload_libraries = 'citus, millrace${2:+, pg_cron}'
listen_addresses = '127.0.0.1'
port = $2
unix_socket_directories = '$cluster/$1'
shared_buffers = 128MB
max_connections = 100
max_prepared_transactions = 100
max_worker_processes = 20
log_min_messages = warning
cron.database_name = 'citus'
cron.use_background_workers = on
citus.shard_count = 8
timezone = 'UTC'
CONF
  as_postgres "$bin/pg_ctl" -D "$cluster/$1" -w -t 60 -l "$cluster/$1.log" start >/dev/null || {
    tail -20 "$cluster/$1.log"
    exit 1
  }
  local to="host=127.0.0.1 port=$2 user=postgres dbname"
  psql "$to=postgres" -Xq -c "CREATE ROLE citus LOGIN" -c "GRANT pg_read_all_stats TO citus" -c "CREATE DATABASE citus OWNER citus"
  psql "$to=citus" -Xq -c "CREATE EXTENSION citus" -c "CREATE EXTENSION hll" -c "CREATE EXTENSION topn" -c "CREATE EXTENSION millrace" \
    -c "CREATE SCHEMA partman" -c "CREATE EXTENSION pg_partman SCHEMA partman"
}
port=$(free_port "${first_port:-5520}")
node coordinator "$port"
superuser="host=127.0.0.1 port=$port user=postgres dbname=citus"
conninfo="host=127.0.0.1 port=$port user=citus dbname=citus"
psql "$superuser" -Xq -o /dev/null -c "SET client_min_messages = error" -c "CREATE EXTENSION pg_cron" -c "GRANT USAGE ON SCHEMA cron TO citus" \
  -c "GRANT ALL ON SCHEMA partman, public TO citus" -c "GRANT ALL ON ALL TABLES IN SCHEMA partman TO citus" \
  -c "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA partman TO citus" -c "GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA partman TO citus" \
  -c "SELECT citus_set_coordinator_host('127.0.0.1', $port)"
for number in 1 2; do
  port=$(free_port $((port + 1)))
  node "worker$number" "$port"
  printf -v "worker$number" '%s' "host=127.0.0.1 port=$port user=postgres dbname=citus"
  psql "$superuser" -Xq -o /dev/null -c "SELECT citus_add_node('127.0.0.1', $port)"
done
