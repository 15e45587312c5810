# A PostgreSQL of a test's own, beside the installed one: the same programs, but its library folder has the libraries that the
# test chooses. Sourced.

# as_server COMMAND...: runs it as a user that PostgreSQL accepts.
as_server() {
  if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi
}

# make_private_postgres DIR: sets $private_bindir, $private_pkglibdir and $private_sharedir below DIR. Programs are copied, because they find their
# other folders from their own place; everything else is links.
make_private_postgres() {
  local tree=$1/postgres bindir pkglibdir sharedir folder program
  bindir=$(pg_config --bindir) pkglibdir=$(pg_config --pkglibdir) sharedir=$(pg_config --sharedir)
  for folder in "$pkglibdir" "$sharedir"; do
    mkdir -p "$tree$folder"
    cp -rs "$folder/." "$tree$folder"
  done
  mkdir -p "$tree$bindir"
  for program in initdb postgres pg_ctl; do cp "$bindir/$program" "$tree$bindir"; done
  private_bindir=$tree$bindir private_pkglibdir=$tree$pkglibdir private_sharedir=$tree$sharedir
}

# start_private_postgres DIR SETTING...: starts a new cluster in DIR; sets $private_conninfo, for its superuser. Environment
# variables for the server only are in $private_environment: NAME=VALUE...
private_environment=()
start_private_postgres() {
  local data=$1/data setting
  mkdir -p "$1/socket"
  [ "$(id -u)" != 0 ] || chown postgres "$1" "$1/socket"
  chmod 755 "$1"
  as_server "$private_bindir/initdb" -D "$data" -U postgres --auth=trust -E UTF8 --locale=C.UTF-8 --no-sync >"$1/initdb.log" 2>&1 || { cat "$1/initdb.log"; return 1; }
  for setting in "${@:2}" "listen_addresses = ''" "unix_socket_directories = '$1/socket'" "fsync = off"; do
    as_server tee -a "$data/postgresql.conf" <<<"$setting" >/dev/null
  done
  private_data=$data
  as_server env "${private_environment[@]}" "$private_bindir/pg_ctl" -D "$data" -l "$data/log" -w start >"$1/start.log" 2>&1 || { cat "$1/start.log" "$data/log"; return 1; }
  private_conninfo="host=$1/socket port=5432 user=postgres dbname=postgres"
}
stop_private_postgres() { as_server "$private_bindir/pg_ctl" -D "$private_data" -m fast -w stop >/dev/null 2>&1 || true; }
