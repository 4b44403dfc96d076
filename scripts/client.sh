#!/usr/bin/env bash
# Prints the path of a program of the interop suite: client.sh gnmic|telegraf|tacquito|grpc1. It is the
# one named by GNMIC and so on, else the one in PATH, else .tools/bin/NAME, which is built when its recipe in
# tests/interop/NAME has changed and Go is new enough.
# Exits 1 with the reason on stderr where none is to be had.
set -euo pipefail
cd "$(dirname "$0")/.."

client=${1:?usage: client.sh gnmic|telegraf|tacquito|grpc1}
if [ ! -f "tests/interop/$client/go.mod" ] || [[ $client == */* ]]; then
    echo "client.sh: unknown client '$client'" >&2
    exit 2
fi

named_by=${client^^}
named=${!named_by:-}
if [ -n "$named" ]; then
    command -v "$named" || { echo "$client: $named_by=$named is not an executable" >&2; exit 1; }
    exit
fi
command -v "$client" && exit

recipe=tests/interop/$client
built=$PWD/.tools/bin/$client
stamp=$(cat "$recipe"/* tests/interop/build.sh | sha256sum)
if [ -x "$built" ] && [ "$(cat "$built.recipe" 2>/dev/null)" = "$stamp" ]; then
    echo "$built"
    exit
fi

# Asked where the recipe's go.mod is: since 1.21 Go fetches by itself the release that a go.mod wants.
go_is_new_enough() {
    local version
    version=$(cd "$recipe" && go env GOVERSION 2>/dev/null) || return 1
    [[ $version =~ ^go([0-9]+)\.([0-9]+) ]] || return 1
    ((BASH_REMATCH[1] > 1 || BASH_REMATCH[2] >= 25))
}
if ! go_is_new_enough; then
    echo "$client: none found, and there is no Go >= 1.25 to build one; set $named_by or install either" >&2
    exit 1
fi
version=$(sed -n "s|.*github.com/[a-z]*/$client \(v[0-9.]*\).*|\1|p" "$recipe/go.mod")
echo "$client: building ${version:+$version }from Go modules into .tools/bin (two minutes, once)" >&2
if [ -x "$recipe/build.sh" ]; then
    "$recipe/build.sh" "$built" >&2
else
    tests/interop/build.sh "$recipe" "$built" >&2
fi
echo "$stamp" >"$built.recipe"
echo "$built"
