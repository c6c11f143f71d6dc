# Ground for every script: where the checkout is, how to speak, how to wait.
# Sourced, never run. Callers use `set -u`; functions report failure by their status.

LS_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }

die() {
    warn "error: $*"
    exit 1
}

# now_ms: milliseconds of a clock that only differences are taken of.
now_ms() { date +%s%3N; }

# wait_until SECONDS COMMAND...: true as soon as the command is, false when the time is over.
wait_until() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.1
    done
}

# need TOOL...: every tool or one message that names all that are missing.
need() {
    local tool missing=
    for tool in "$@"; do
        command -v "$tool" >/dev/null 2>&1 || missing="$missing $tool"
    done
    [ -z "$missing" ] || die "missing:$missing (scripts/install-deps installs them)"
}

# pid_alive PID: the process exists and is no zombie. A killed one is shown as a zombie, its first
# thread, while others of its threads still run and hold files and ports.
pid_alive() {
    local state threads
    state=$(sed -n 's/^[0-9]* (.*) \(.\).*/\1/p' "/proc/$1/stat" 2>/dev/null)
    [ -n "$state" ] || return 1
    [ "$state" = Z ] || return 0
    threads=("/proc/$1/task/"*)
    [ "${#threads[@]}" -gt 1 ]
}
