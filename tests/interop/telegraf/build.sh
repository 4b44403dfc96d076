#!/usr/bin/env bash
# Builds Telegraf from Go modules: build.sh OUT. Needs Go >= 1.25; 90 s with all downloads, seconds when cached.
#
# It is Telegraf's own command, with no other plugins than the gNMI input, the file output and two formats of a file.
set -euo pipefail

out=${1:?usage: build.sh OUT}
here=$(dirname "$0")
"$here/../build.sh" "$here" "$out" -tags custom,inputs.gnmi,outputs.file,serializers.influx,serializers.json \
    github.com/influxdata/telegraf/cmd/telegraf
