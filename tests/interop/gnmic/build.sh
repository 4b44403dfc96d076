#!/usr/bin/env bash
# Builds gnmic v0.47.0 from Go modules: build.sh OUT. Needs Go >= 1.25; two minutes on two cores, seconds when cached.
#
# `go install` refuses gnmic, because its go.mod replaces two sub-modules by local folders; their published tags lag
# behind. Four small calls that hand a logger to the optional cache and servers, a redaction helper of the REST API, and
# the `collect` command do not compile against those tags and are taken out of the vendored copy. Every other command is
# gnmic's own code, untouched.
set -euo pipefail

out=$(realpath -m "${1:?usage: build.sh OUT}")
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp "$here"/{go.mod,go.sum,main.go} "$work"
cd "$work"

go mod vendor
pkg=vendor/github.com/openconfig/gnmic/pkg
sed -i 's/\.RedactedDeepCopy()//' $pkg/app/api.go
sed -i 's/server\.WithLogger(a\.Logger)/server.WithLogger(nil)/' $pkg/app/gnmi_server.go $pkg/app/proxy.go
grep -rl 'cache\.WithLogger(' $pkg --include='*.go' |
    xargs sed -i 's/cache\.WithLogger([a-z.]*[lL]ogger)/cache.WithLogger(nil)/'
sed -i '/pkg\/cmd\/collector"/d; /collector\.New/d' $pkg/cmd/root.go

"$here/../build.sh" "$work" "$out"
