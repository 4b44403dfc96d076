#!/usr/bin/env bash
# Prints the gnmic commands to try against a lab configuration: hints.sh CONFIG.
set -euo pipefail
cd "$(dirname "$0")/.."

case "$(basename "${1:?usage: hints.sh CONFIG}")" in
lab-tls.toml) flags="-a 127.0.0.1:57401 -u admin -p admin --tls-ca lab/data-tls/tls/ca.pem" ;;
*) flags="-a 127.0.0.1:57400 -u admin -p admin --insecure" ;;
esac
gnmic=gnmic
command -v gnmic >/dev/null || gnmic=.tools/bin/gnmic

cat <<TXT
Starting $1; Ctrl-C ends it. In another terminal:

  G="$gnmic $flags"
TXT
[ "$gnmic" = gnmic ] || [ -x "$gnmic" ] || echo "  make gnmic                       # builds gnmic, needs Go >= 1.25"
cat <<'TXT'
  $G cap
  $G get --path '/state/port[port-id=*]/oper-state'
  $G set --update-path /configure/system/location --update-value zurich
  $G sub --path '/state/port[port-id=*]/statistics' --stream-mode sample -i 1s
  $G sub --path /interfaces/interface/state/counters --stream-mode sample -i 1s
  $G sub --path /configure/system --stream-mode on-change

TXT
