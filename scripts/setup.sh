#!/usr/bin/env bash
# Installs what the machine lacks: setup.sh build|interop|radius|chrony. Says what it does; silent when nothing is missing.
#
# `build` is what `cargo build` needs besides a C compiler and Rust: cmake and the PCRE2 headers, for libyang.
# `interop` is what the interop suite needs besides: Python 3 with venv, ip and openssl.
# `radius` is the FreeRADIUS of the interop suite, which starts its own; the service of the package is switched off.
# `chrony` is the chronyd of the interop suite. Its package is unpacked into .tools/chrony and not installed: it would take
# the place of the service that keeps the machine's clock.
# Only apt is driven. On a system without apt the packages are named and the installation is left to the operator.
set -euo pipefail

has() { command -v "$1" >/dev/null 2>&1; }
has_pcre2() { printf '#define PCRE2_CODE_UNIT_WIDTH 8\n#include <pcre2.h>\n' | cc -E -xc - >/dev/null 2>&1; }
has_venv() { has python3 && python3 -c 'import ensurepip, venv' >/dev/null 2>&1; }

apt_get() {
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        has sudo || { echo "setup: please run as root: apt-get $*" >&2; exit 1; }
        sudo=(sudo)
    fi
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o=Dpkg::Use-Pty=0 "$@"
}

needs_apt() {
    if ! has apt-get; then
        echo "setup: please install: $* (Debian's names; this system has no apt-get)" >&2
        exit 1
    fi
}

install() {
    needs_apt "$@"
    echo "setup: installing $* with apt-get"
    apt_get update
    apt_get install --no-install-recommends -y "$@"
}

# Unpacks the files of a package into a directory; what its programs need besides is installed.
unpack() {
    local package=$1 into=$2 work
    needs_apt "$package"
    echo "setup: unpacking $package into $into"
    work=$(mktemp -d)
    chmod 755 "$work"
    local download=(apt-get -qq -o=APT::Sandbox::User=root download "$package")
    (cd "$work" && { "${download[@]}" || { apt_get update && "${download[@]}"; }; })
    dpkg-deb -x "$work"/*.deb "$work/root"
    if ldd "$work"/root/usr/*bin/* 2>/dev/null | grep -q "not found"; then
        apt_get update
        apt_get satisfy --no-install-recommends -y "$(dpkg-deb -f "$work"/*.deb Depends)"
    fi
    mkdir -p "$into"
    cp -a "$work/root/." "$into"
    rm -rf "$work"
}

packages=()
case "${1:?usage: setup.sh build|interop|radius|chrony}" in
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
chrony)
    tools=$(cd "$(dirname "$0")/.." && pwd)/.tools/chrony
    has chronyd || [ -x /usr/sbin/chronyd ] || [ -x "$tools/usr/sbin/chronyd" ] || unpack chrony "$tools"
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
