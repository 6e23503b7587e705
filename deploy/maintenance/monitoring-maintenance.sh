#!/bin/sh
# Written by `prober render maintenance` from probes.yaml: change that, not this file.
#
# monitoring-maintenance.sh [--dry-run] [--only STEP]...    steps: logs store dashboards rules
#
# logs        removes logs that are older than LOG_DAYS (7) below LOG_DIR (/var/log/eventchain)
# store       says when the prober's store (PROBER_STORE) is larger than it should be; the prober prunes it nightly itself
# dashboards  sends every dashboard to GRAFANA_URL (http://grafana:3000), with GRAFANA_API_KEY
# rules       checks Prometheus' rules and runs their tests
#
# For cron: it says only what went wrong and what it changed. --dry-run changes and sends nothing.
# MONITORING_DIR is where the targets' folders are (beside this script's).
#
# Exit codes: 0 all well, 1 a step failed (the others were done), 2 usage, or something is missing.
set -u

here=$(cd "$(dirname "$0")" && pwd)
MONITORING_DIR=${MONITORING_DIR:-$(dirname "$here")}
LOG_DIR=${LOG_DIR:-/var/log/eventchain}
LOG_DAYS=${LOG_DAYS:-7}
PROBER_STORE=${PROBER_STORE:-}
STORE_BYTES=${STORE_BYTES:-4294967296}
GRAFANA_URL=${GRAFANA_URL:-http://grafana:3000}
steps="logs store dashboards rules"
only=
dry=

say() { printf '%s\n' "maintenance: $*" >&2; }
refuse() { say "$*"; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=1 ;;
        --only)
            [ $# -gt 1 ] || refuse "--only needs a step: $steps"
            case " $steps " in *" $2 "*) only="$only $2" ;; *) refuse "no step $2; there are: $steps" ;; esac
            shift ;;
        -h|--help) sed -n '4,15s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) refuse "unknown option $1; see --help" ;;
    esac
    shift
done
only=${only:-$steps}

case $LOG_DAYS in ''|*[!0-9]*) refuse "LOG_DAYS is no number: $LOG_DAYS" ;; esac
for step in $only; do
    case $step in
        dashboards)
            [ -d "$MONITORING_DIR/grafana" ] || refuse "$MONITORING_DIR/grafana is missing: prober render grafana"
            [ -n "$dry" ] || command -v curl >/dev/null || refuse "curl is not installed"
            [ -n "$dry" ] || [ -n "${GRAFANA_API_KEY:-}" ] || refuse "GRAFANA_API_KEY is not set" ;;
        rules)
            [ -d "$MONITORING_DIR/prometheus" ] || refuse "$MONITORING_DIR/prometheus is missing: prober render prometheus"
            command -v promtool >/dev/null || refuse "promtool is not installed" ;;
    esac
done

logs() {
    [ -d "$LOG_DIR" ] || return 0
    what=-delete
    [ -z "$dry" ] || what=
    # shellcheck disable=SC2086  # no argument at all when it is empty
    find "$LOG_DIR" -xdev -type f \( -name '*.log' -o -name '*.log-*' -o -name '*.log.*' \) -mtime "+$LOG_DAYS" -print $what
}

store() {
    [ -n "$PROBER_STORE" ] && [ -f "$PROBER_STORE" ] || return 0
    size=$(wc -c <"$PROBER_STORE") || return 1
    [ "$size" -le "$STORE_BYTES" ] || { say "$PROBER_STORE has $size bytes, more than $STORE_BYTES"; return 1; }
}

dashboards() {
    worst=0
    for file in "$MONITORING_DIR"/grafana/*.json; do
        if [ -n "$dry" ]; then
            printf '+ POST %s/api/dashboards/db %s\n' "$GRAFANA_URL" "$file"
            continue
        fi
        # The key goes over a descriptor: arguments are for everyone to see.
        { printf '{"overwrite": true, "message": "monitoring-maintenance", "dashboard": '; cat "$file"; printf '}'; } |
            curl --silent --show-error --fail --max-time 30 --output /dev/null --config /dev/fd/3 \
                --header 'Content-Type: application/json' --data-binary @- "$GRAFANA_URL/api/dashboards/db" 3<<KEY ||
header = "Authorization: Bearer $GRAFANA_API_KEY"
KEY
            { say "$file was not taken"; worst=1; }
    done
    return $worst
}

rules() {
    [ -d "$MONITORING_DIR/prometheus/rules" ] || return 0
    said=$(cd "$MONITORING_DIR/prometheus/rules" && check_rules 2>&1) || { say "$said"; return 1; }
}

check_rules() {
    promtool check rules ./*.yml || return 1
    for file in ../tests/*.yml; do
        [ ! -f "$file" ] || promtool test rules "$file" || return 1
    done
}

failed=
for step in $steps; do
    case " $only " in *" $step "*) "$step" || failed="$failed $step" ;; esac
done
[ -z "$failed" ] || { say "failed:$failed"; exit 1; }
