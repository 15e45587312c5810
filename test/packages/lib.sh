# For tests on a fresh Debian. REQUIRES: test/lib.sh.

# check NAME EXPECTED GOT
check() {
  if [ "$3" = "$2" ]; then pass "$1"; else fail "$1" "expected: $2" "got:      $3"; fi
}

# apt NAME COMMAND ARGUMENT...: a test of its own. If it fails, nothing after it makes sense.
apt() {
  local name=$1 said
  shift
  said=$(apt-get -y -qq "$@" 2>&1) || { fail "$name" "$(tail -n 20 <<<"$said")"; finish; exit 1; }
  pass "$name"
}

# Whether a package is installed: "installed" or nothing.
state() { dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null | grep -x installed || true; }

# run_as USER COMMAND...
run_as() {
  local user=$1
  shift
  setpriv --reuid "$user" --regid "$user" --init-groups env HOME=/tmp "$@"
}

# In a network of our own nothing is up, and a small Debian has no program for it.
loopback_up() {
  perl -e 'use Socket; socket(my $s, AF_INET, SOCK_DGRAM, 0) or die $!; my $up = pack("a16 s x22", "lo", 0x49); ioctl($s, 0x8914, $up) or die $!'
}

# What completion offers for the last word of a command line.
complete_word() (
  # shellcheck source=/dev/null
  source "/usr/share/bash-completion/completions/$1"
  COMP_WORDS=("$@")
  COMP_CWORD=$(($# - 1))
  _millrace
  echo "${COMPREPLY[*]}"
)

# PostgreSQL's processes.
servers() { grep -lx postgres /proc/[0-9]*/comm 2>/dev/null || true; }

query() { psql "$1" -XAtq -v ON_ERROR_STOP=1 -c "$2"; }

# A table of events and a rollup over it, with hll and topn.
make_events() {
  query "$1" "
    CREATE TABLE visits (visit_id bigserial, at timestamptz NOT NULL DEFAULT now(), site text NOT NULL, visitor bigint);
    SELECT FROM millrace.create_rollup('visits_hourly', \$\$
      SELECT site, date_bin('1 hour', at, 'epoch') AS hour, count(*) AS visits,
             hll_add_agg(hll_hash_bigint(visitor)) AS visitors, topn_add_agg(site) AS sites
      FROM visits GROUP BY 1, 2 \$\$, refresh_interval => '1 second')" >/dev/null
}

# add_events CONNINFO COUNT
add_events() { query "$1" "INSERT INTO visits (site, visitor) SELECT 'site ' || n % 3, n FROM generate_series(1, $2) n"; }

# await_counted NAME CONNINFO COUNT: until the table of the rollup has so many, and not more.
await_counted() {
  local got=
  for _ in $(seq 300); do
    got=$(query "$2" "SELECT sum(visits) FROM visits_hourly" 2>&1) || true
    [ "$got" != "$3" ] || break
    sleep 0.2
  done
  sleep 2
  got=$(query "$2" "SELECT sum(visits) FROM visits_hourly" 2>&1) || true
  check "$1" "$3" "$got"
}
