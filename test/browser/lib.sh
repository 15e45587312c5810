# Dashboards on databases of their own, in the private server of $MILLRACE_DATA_DIR. Sourced, with $root and $superuser (a
# connection string) set. Makes $work, which is removed at the end, when the dashboards end too.
millrace=$root/build/bin/millrace
work=$(mktemp -d /tmp/millrace-browser.XXXXXX)
chmod 755 "$work"
servers=()
stop_dashboards() {
  local server
  for server in "${servers[@]}"; do kill "$server" 2>/dev/null && wait "$server" || true; done
  rm -rf "$work"
}
trap stop_dashboards EXIT
export PGOPTIONS="-c client_min_messages=warning"

# The packages that the scripts need.
browser=$root/test/browser
"$browser/packages"

# serve NAME [OPTION...]: starts one on a free port; its address is in $url.
serve() {
  local name=$1
  shift
  "$millrace" serve --port 0 "$@" >"$work/$name.url" 2>"$work/$name.log" &
  servers+=($!)
  for ((i = 0; i < 100; ++i)); do
    url=$(head -1 "$work/$name.url" 2>/dev/null) || true
    [ -z "$url" ] || return 0
    sleep 0.1
  done
  cat "$work/$name.log"
  exit 1
}

# A dashboard that asks for a token. It also makes the role that the others log in as.
echo "0123456789abcdef-millrace" >"$work/token"
chmod 600 "$work/token"
serve token --listen 0.0.0.0 --token-file "$work/token"
token_url=${url%%/\?*}
owner=$("$millrace" up 2>/dev/null)
owner_login=$(sed 's|.*//\([^@]*\)@.*|\1|' <<<"$owner")
reader_login=millrace_dashboard:$(cat "$MILLRACE_DATA_DIR/dashboard_password")

# connection LOGIN DATABASE: a string for a database beside the server's own.
connection() { sed "s|//[^@]*@|//$1@|; s|/[a-z_]*?|/$2?|" <<<"$owner"; }

# make_database NAME: with the events table of the workshop, its declared rollups and summaries, but no events.
make_database() {
  psql "$superuser" -Xq -c "DROP DATABASE IF EXISTS $1 WITH (FORCE)" -c "CREATE DATABASE $1 OWNER citus"
  psql "${superuser% dbname=*} dbname=$1" -Xq <<'SQL'
CREATE EXTENSION hll;
CREATE EXTENSION topn;
CREATE EXTENSION millrace;
CREATE SCHEMA partman;
CREATE EXTENSION pg_partman SCHEMA partman;
GRANT ALL ON SCHEMA partman, public TO citus;
GRANT ALL ON ALL TABLES IN SCHEMA partman TO citus;
GRANT SELECT, INSERT, UPDATE, DELETE ON millrace.saved_view TO millrace_dashboard;
SQL
  psql "$(connection "$owner_login" "$1")" -Xq -o /dev/null \
    -f "$root/examples/workshop/01_events.sql" -f "$root/examples/workshop/07_declared.sql" -f "$root/examples/workshop/09_summaries.sql"
}
