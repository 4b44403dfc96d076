#!/usr/bin/env bash
# Prints the path of a gnmic: the one named by GNMIC, else the one in PATH, else .tools/bin/gnmic, which is built when
# its recipe has changed and Go is new enough. Exits 1 with the reason on stderr where none is to be had.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ -n "${GNMIC:-}" ]; then
    command -v "$GNMIC" || { echo "gnmic: GNMIC=$GNMIC is not an executable" >&2; exit 1; }
    exit
fi
command -v gnmic && exit

recipe=tests/interop/gnmic
built=$PWD/.tools/bin/gnmic
stamp=$(cat "$recipe"/{build.sh,go.mod,go.sum,main.go} | sha256sum)
if [ -x "$built" ] && [ "$(cat "$built.recipe" 2>/dev/null)" = "$stamp" ]; then
    echo "$built"
    exit
fi

go_is_new_enough() {
    local version
    version=$(go env GOVERSION 2>/dev/null) || return 1
    [[ $version =~ ^go([0-9]+)\.([0-9]+) ]] || return 1
    ((BASH_REMATCH[1] > 1 || BASH_REMATCH[2] >= 25))
}
if ! go_is_new_enough; then
    echo "gnmic: none found, and there is no Go >= 1.25 to build one; set GNMIC or install either" >&2
    exit 1
fi
echo "gnmic: building v0.47.0 from Go modules into .tools/bin (two minutes, once)" >&2
"$recipe/build.sh" "$built" >&2
echo "$stamp" >"$built.recipe"
echo "$built"
