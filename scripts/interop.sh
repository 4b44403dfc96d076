#!/usr/bin/env bash
# Runs the interop suite against the daemon named by GANYMEDE: interop.sh [pytest arguments].
#
# Needs gnmic, Telegraf, tacquito, FreeRADIUS, chrony, a client of gRPC 1.0 and Python. What cannot be had is named, its
# cases are left out, and with CI=true that is a failure.
set -euo pipefail
cd "$(dirname "$0")/.."

GANYMEDE=$(realpath "${GANYMEDE:?names the ganymede binary to test}")
export GANYMEDE

leave_out() {
    echo "interop: $1" >&2
    if [ "${CI:-}" = true ]; then
        echo "interop: with CI=true nothing may be left out" >&2
        exit 1
    fi
}

if ! scripts/setup.sh interop; then
    leave_out "no Python 3 with venv: every case is left out"
    exit 0
fi

if ! scripts/setup.sh radius; then
    leave_out "no FreeRADIUS: the cases that need it are left out; they are listed as skipped"
fi

if ! scripts/setup.sh chrony; then
    leave_out "no chrony: the cases that need it are left out; they are listed as skipped"
fi

wanted=tests/interop/requirements.txt
venv=.tools/venv
if ! cmp -s "$wanted" "$venv/requirements.txt"; then
    echo "interop: preparing Python packages in $venv"
    rm -rf "$venv"
    python3 -m venv "$venv"
    if ! "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: -r "$wanted"; then
        leave_out "pip cannot install $wanted: every case is left out"
        exit 0
    fi
    cp "$wanted" "$venv/requirements.txt"
fi

for client in gnmic telegraf tacquito grpc1; do
    if ! path=$(scripts/client.sh $client); then
        path=
        leave_out "the cases that need $client are left out; they are listed as skipped"
    fi
    export "${client^^}=$path"
done

exec "$venv/bin/python" -m pytest -c tests/interop/pytest.ini tests/interop "$@"
