#!/usr/bin/env bash
# Installs what the machine lacks: setup.sh build|interop|radius. Says what it does; silent when nothing is missing.
#
# `build` is what `cargo build` needs besides a C compiler and Rust: cmake and the PCRE2 headers, for libyang.
# `interop` is what the interop suite needs besides: Python 3 with venv, ip and openssl.
# `radius` is the FreeRADIUS of the interop suite, which starts its own; the service of the package is switched off.
# Only apt is driven. On a system without apt the packages are named and the installation is left to the operator.
set -euo pipefail

has() { command -v "$1" >/dev/null 2>&1; }
has_pcre2() { printf '#define PCRE2_CODE_UNIT_WIDTH 8\n#include <pcre2.h>\n' | cc -E -xc - >/dev/null 2>&1; }
has_venv() { has python3 && python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

install() {
    if ! has apt-get; then
        echo "setup: please install: $* (Debian's names; this system has no apt-get)" >&2
        exit 1
    fi
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || { echo "setup: please install as root: apt-get install $*" >&2; exit 1; }
        sudo=(sudo)
    fi
    echo "setup: installing $* with apt-get"
    local quiet=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o=Dpkg::Use-Pty=0)
    "${sudo[@]}" "${quiet[@]}" update
    "${sudo[@]}" "${quiet[@]}" install --no-install-recommends -y "$@"
}

packages=()
case "${1:?usage: setup.sh build|interop|radius}" in
build)
    has cc || { echo "setup: no C compiler (cc); on Debian: apt-get install gcc libc6-dev" >&2; exit 1; }
    has cargo || { echo "setup: no Rust; see https://rustup.rs" >&2; exit 1; }
    has cmake || packages+=(cmake)
    has_pcre2 || packages+=(libpcre2-dev)
    ;;
interop)
    has_venv || packages+=(python3 python3-venv)
    has ip || packages+=(iproute2)
    has openssl || packages+=(openssl)
    ;;
radius)
    [ -x /usr/sbin/freeradius ] || has freeradius || packages+=(freeradius)
    ;;
*)
    echo "setup: unknown part '$1'" >&2
    exit 2
    ;;
esac
[ ${#packages[@]} -eq 0 ] || install "${packages[@]}"
if [[ " ${packages[*]} " == *" freeradius "* ]] && [ -d /run/systemd/system ]; then
    echo "setup: switching the service freeradius off; the suite starts a server of its own"
    if [ "$(id -u)" -eq 0 ]; then systemctl disable --now freeradius; else sudo systemctl disable --now freeradius; fi
fi
