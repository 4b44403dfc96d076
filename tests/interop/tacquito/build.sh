#!/usr/bin/env bash
# Builds the TACACS+ server of the suite from tacquito's Go modules: build.sh OUT. Needs Go >= 1.26; seconds.
set -euo pipefail

out=$(realpath -m "${1:?usage: build.sh OUT}")
cd "$(dirname "$0")"
mkdir -p "$(dirname "$out")"
CGO_ENABLED=0 go build -trimpath -mod=readonly -ldflags '-s -w' -o "$out.partial" .
mv "$out.partial" "$out"
