#!/bin/sh
# @HEAD@
#
# setup-monitoring.sh [--dry-run] [--only STEP]...    steps: prober prometheus alertmanager grafana cloudwatch
#
# Puts in place what `prober render` wrote for each target into $MONITORING_DIR/TARGET. Again: changes nothing that is
# as it should be. --dry-run only says what would be run.
#
#   MONITORING_DIR      where the targets' folders are (beside this script's)
#   NAMESPACE           the Kubernetes namespace (monitoring)
#   REGIONS             whose probers are set up (@REGIONS@)
#   KUBE_CONTEXT        the kubectl context; with %s in it, %s is the region (the current one)
#   NOTIFICATION_TOPIC  the ARN of the SNS topic that alarms are sent to; cloudwatch needs it
#   ENVIRONMENT         production
#   STACK               the stack's name (eventchain-monitoring)
#
# Exit codes: 0 all done, 1 a step failed (the others were done), 2 usage, or something is missing.
set -u

here=$(cd "$(dirname "$0")" && pwd)
MONITORING_DIR=${MONITORING_DIR:-$(dirname "$here")}
NAMESPACE=${NAMESPACE:-monitoring}
REGIONS=${REGIONS:-@REGIONS@}
KUBE_CONTEXT=${KUBE_CONTEXT:-}
ENVIRONMENT=${ENVIRONMENT:-production}
STACK=${STACK:-eventchain-monitoring}
steps="prober prometheus alertmanager grafana cloudwatch"
only=
dry=

say() { printf '%s\n' "setup: $*" >&2; }
refuse() { say "$*"; exit 2; }

while [ $# -gt 0 ]; do
    case $1 in
        --dry-run) dry=1 ;;
        --only)
            [ $# -gt 1 ] || refuse "--only needs a step: $steps"
            case " $steps " in *" $2 "*) only="$only $2" ;; *) refuse "no step $2; there are: $steps" ;; esac
            shift ;;
        -h|--help) sed -n '4,19s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) refuse "unknown option $1; see --help" ;;
    esac
    shift
done
only=${only:-$steps}

wanted() { case " $only " in *" $1 "*) return 0 ;; *) return 1 ;; esac; }
need_tool() { [ -n "$dry" ] || command -v "$1" >/dev/null || refuse "$1 is not installed"; }
need_folder() { [ -d "$MONITORING_DIR/$1" ] || refuse "$MONITORING_DIR/$1 is missing: prober render $1 -o $MONITORING_DIR/$1"; }

# All that is missing is told before anything is changed.
for step in $only; do
    case $step in
        prober) need_tool kubectl; need_folder kubernetes ;;
        prometheus|alertmanager|grafana) need_tool kubectl; need_folder "$step" ;;
        cloudwatch)
            need_tool aws; need_folder cloudformation
            [ -n "${NOTIFICATION_TOPIC:-}" ] || refuse "NOTIFICATION_TOPIC is not set: the SNS topic of the alarms" ;;
    esac
done

run() {
    if [ -n "$dry" ]; then printf '+ %s\n' "$*"; else "$@"; fi
}

kube() { # REGION ARGUMENTS...
    # shellcheck disable=SC2059  # %s in KUBE_CONTEXT is meant
    context=$(printf "$KUBE_CONTEXT" "$1")
    shift
    run kubectl ${context:+--context "$context"} --namespace "$NAMESPACE" "$@"
}

prober() {
    for region in $REGIONS; do
        kube "$region" apply -k "$MONITORING_DIR/kubernetes/overlays/$region" || return 1
    done
}

# Files as a ConfigMap: made locally and applied, so that it does not matter whether it is there.
files() { # NAME FOLDER
    arguments=
    for file in "$2"/*; do
        [ ! -f "$file" ] || arguments="$arguments --from-file=$file"
    done
    if [ -n "$dry" ]; then
        printf '+ kubectl create configmap %s%s --dry-run=client -o yaml | kubectl apply --server-side -f -\n' "$1" "$arguments"
        return
    fi
    # shellcheck disable=SC2086  # one argument a file; file names of ours have no spaces
    made=$(kube "" create configmap "$1" $arguments --dry-run=client -o yaml) || return 1
    printf '%s\n' "$made" | kube "" apply --server-side --force-conflicts -f -
}

prometheus() {
    files prometheus-config "$MONITORING_DIR/prometheus" || return 1
    [ ! -d "$MONITORING_DIR/prometheus/rules" ] || files prometheus-rules "$MONITORING_DIR/prometheus/rules"
}

alertmanager() { files alertmanager-config "$MONITORING_DIR/alertmanager"; }

grafana() {
    files grafana-dashboards "$MONITORING_DIR/grafana" || return 1
    files grafana-providers "$MONITORING_DIR/grafana/provisioning/dashboards" || return 1
    files grafana-datasources "$MONITORING_DIR/grafana/provisioning/datasources"
}

cloudwatch() {
    for template in "$MONITORING_DIR"/cloudformation/*.yml; do
        number=${template##*cloudwatch-alarms}
        name=$STACK${number%.yml}
        set -- "Environment=$ENVIRONMENT" "NotificationTopic=$NOTIFICATION_TOPIC"
        # Log groups that are there already belong to someone else; the stack would fail on them.
        if [ "$name" = "$STACK" ] && [ -z "$dry" ] && ! stack_is_there "$name" && log_groups_are_there; then
            set -- "$@" "CreateLogGroups=no"
        fi
        run aws cloudformation deploy --template-file "$template" --stack-name "$name" \
            --no-fail-on-empty-changeset --parameter-overrides "$@" || return 1
    done
}

stack_is_there() { aws cloudformation describe-stacks --stack-name "$1" >/dev/null 2>&1; }

log_groups_are_there() {
    found=$(aws logs describe-log-groups --log-group-name-prefix /ecs/eventchain- --query 'length(logGroups)' --output text)
    [ "${found:-0}" != 0 ]
}

failed=
for step in $steps; do
    wanted "$step" || continue
    say "$step"
    "$step" || failed="$failed $step"
done
[ -z "$failed" ] || { say "failed:$failed"; exit 1; }
say "done"
