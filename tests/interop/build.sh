#!/usr/bin/env bash
# Builds a program of the suite from the Go modules of a directory: build.sh DIRECTORY OUT [FLAG...] [PACKAGE].
set -euo pipefail

out=$(realpath -m "${2:?usage: build.sh DIRECTORY OUT [FLAG...] [PACKAGE]}")
cd "$1"
mkdir -p "$(dirname "$out")"
CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$out.partial" "${@:3}"
mv "$out.partial" "$out"
