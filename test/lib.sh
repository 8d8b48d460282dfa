# shellcheck shell=bash
# What test/run and test/demo/run share: install what is missing, build, start
# a throwaway server and an HR simulator, and leave nothing behind. Sourced.

set -euo pipefail
umask 022
# The outer make's flags would reach the inner one
unset MAKEFLAGS MFLAGS MAKELEVEL
for name in $(compgen -e); do
	case $name in PG_*) ;; PG[A-Z]* | LC_* | LANGUAGE) unset "$name" ;; esac
done
export LANG=C.UTF-8 LC_ALL=C.UTF-8

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PG_CONFIG=${PG_CONFIG:-pg_config}
work=
bindir=

die()
{
	echo "$*" >&2
	exit 1
}

# Run a command without its output, unless it fails
quietly()
{
	local what=$1
	shift
	if ! "$@" >"$work/quiet.log" 2>&1 </dev/null; then
		tail -n 60 "$work/quiet.log" >&2
		die "could not $what: $*"
	fi
}

as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "this needs root, and there is no sudo: $*"
	fi
}

# PostgreSQL refuses to run as root, so there everything runs as postgres
as_server()
{
	if [ "$(id -u)" = 0 ]; then
		runuser -u postgres -- env HOME="$work" "$@"
	else
		env HOME="$work" "$@"
	fi
}

# List the packages that are not there; an @ stands for PostgreSQL's version
missing_packages()
{
	local package pgxs bindir
	for package in gcc g++ libc6-dev pkg-config libcurl4-openssl-dev libssl-dev \
		libicu-dev libphonenumber-dev perl "$@"; do
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
			echo "$package"
	done

	# A PostgreSQL that is there is taken, whoever built it
	pgxs=$("$PG_CONFIG" --pgxs 2>/dev/null || true)
	if [ -z "$pgxs" ] || [ ! -e "$pgxs" ]; then
		echo postgresql-@ postgresql-server-dev-@
		return
	fi
	bindir=$("$PG_CONFIG" --bindir)
	[ -x "$bindir/postgres" ] || echo "postgresql-$(postgres_version)"
}

postgres_version()
{
	"$PG_CONFIG" --version 2>/dev/null | sed 's/[^0-9]*\([0-9]*\).*/\1/'
}

# Install packages, without Debian making a cluster for them
install_packages()
{
	local conf=/etc/postgresql-common/createcluster.conf
	local shipped=/usr/share/postgresql-common/createcluster.conf
	local version added=
	command -v apt-get >/dev/null || die "there is no apt-get; please install: $*"

	quietly "read the list of packages" as_root apt-get -q update
	version=$(postgres_version || true)
	: "${version:=$(apt-cache show postgresql | sed -n 's/^Version: \([0-9]*\).*/\1/p' | sort -n | tail -n 1)}"
	set -- "${@//@/$version}"
	echo "installing: $*" >&2
	if [ ! -e "$conf" ] && [ ! -e "$shipped" ]; then
		added=yes
		as_root mkdir -p "${conf%/*}"
		echo 'create_main_cluster = false' | as_root tee "$conf" >/dev/null
	fi
	quietly "install packages" as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a \
		apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 install "$@"
	if [ -n "$added" ]; then
		as_root cp "$shipped" "$conf"
	fi
	hash -r
}

# Make the directory in which everything happens; gone at the end
make_work()
{
	work=$(mktemp -d /tmp/stakesync.XXXXXX)
	trap clean_up EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}

# Install, build and install the extension; arguments are further packages
build()
{
	local missing jobs
	missing=$(missing_packages "$@")
	if [ -n "$missing" ]; then
		# shellcheck disable=SC2086
		install_packages $missing
	fi
	bindir=$("$PG_CONFIG" --bindir)
	pgxs_test=$(cd "$(dirname "$("$PG_CONFIG" --pgxs)")/../../src/test" && pwd)
	jobs=$(getconf _NPROCESSORS_ONLN)

	quietly "build" make -C "$top" -j"$jobs" PG_CONFIG="$PG_CONFIG" all
	if [ -w "$("$PG_CONFIG" --pkglibdir)" ] && [ -w "$("$PG_CONFIG" --sharedir)/extension" ]; then
		quietly "install" make -C "$top" PG_CONFIG="$PG_CONFIG" install
	else
		quietly "install" as_root make -C "$top" PG_CONFIG="$PG_CONFIG" install
	fi

	# The clone may lie where the server's user cannot look
	mkdir "$work/tree" "$work/socket"
	tar -C "$top" -cf - --exclude=./.git --exclude=./.deps --exclude='*.o' --exclude='*.so' . | tar -C "$work/tree" -xf -
	if [ "$(id -u)" = 0 ]; then
		chown -R postgres: "$work"
	fi
	cd "$work"
}

# Start a server that only a socket in $work leads to; stdin adds to its
# configuration
start_server()
{
	quietly "make a cluster" as_server "$bindir/initdb" -D "$work/data" -U postgres -A trust -N \
		-E UTF8 --locale=C.UTF-8
	as_server tee -a "$work/data/postgresql.conf" >/dev/null <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$work/socket'
		unix_socket_permissions = 0700
		fsync = off
	CONF
	as_server tee -a "$work/data/postgresql.conf" >/dev/null
	as_server "$bindir/pg_ctl" -D "$work/data" -l "$work/server.log" -s -w start >/dev/null 2>&1 </dev/null ||
		{ tail -n 40 "$work/server.log" >&2; die "could not start the server"; }
	export PGHOST=$work/socket PGUSER=postgres PGPORT=5432
}

# Start an HR simulator, its address goes to STAKESYNC_SIM_URL; it ends with us
# unless KEEP is set
start_simulator()
{
	local line watch=--watch-stdin
	[ -z "${KEEP:-}" ] || watch=
	# shellcheck disable=SC2016
	coproc SIMULATOR {
		as_server setsid sh -c 'echo $$ >"$1/sim.pid"; cd "$1/tree"; exec perl test/perl/hris-simulator $2' \
			sh "$work" "$watch" 2>"$work/sim.log"
	}
	read -r line <&"${SIMULATOR[0]}" || true
	case ${line:-} in
		"port "*) export STAKESYNC_SIM_URL=http://127.0.0.1:${line#port } ;;
		*) cat "$work/sim.log" >&2; die "the simulator did not start" ;;
	esac
}

# Stop whatever was started below $work, servers of tests included
stop_servers()
{
	local file
	if [ -e "$work/sim.pid" ]; then
		as_server kill "$(cat "$work/sim.pid")" 2>/dev/null || true
	fi
	find "$work" -name postmaster.pid 2>/dev/null | while read -r file; do
		as_server "$bindir/pg_ctl" -D "${file%/*}" -m immediate -s stop >/dev/null 2>&1 || true
	done
}

# Runs at the end, however it comes
clean_up()
{
	local status=$?
	trap '' INT TERM HUP
	cd /
	stop_servers
	rm -rf "$work"
	exit $status
}
