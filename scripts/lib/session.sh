# Client sessions that stay open, so that a script can interleave transactions statement by
# statement: session_open NAME NODE, then session NAME STATEMENT prints what the server answered
# (rows, or the server's own "ERROR ..." line). A session ends with LS_WORK or session_close.

declare -A LS_SESSION_IN=() LS_SESSION_OUT=() LS_SESSION_PID=()

session_open() {
    local name=$1 pipe=$LS_WORK/session.$1 in out
    rm -f "$pipe".in "$pipe".out
    mkfifo "$pipe.in" "$pipe.out" || return 1
    client "$2" --unbuffered --batch --skip-column-names --force <"$pipe.in" >"$pipe.out" 2>&1 9>&- &
    LS_SESSION_PID[$name]=$!
    exec {in}>"$pipe.in" {out}<"$pipe.out"
    LS_SESSION_IN[$name]=$in
    LS_SESSION_OUT[$name]=$out
}

# session_send NAME STATEMENT: does not wait for the answer; session_answer NAME does.
session_send() { printf "%s;\nSELECT '--end--';\n" "$2" >&"${LS_SESSION_IN[$1]}"; }

session_answer() {
    local line echoed=
    while IFS= read -r -t 60 line <&"${LS_SESSION_OUT[$1]}"; do
        case $line in
        --end--) return 0 ;;
        --------------) [ -n "$echoed" ] && echoed= || echoed=yes ;; # the client repeats what failed
        "") ;;
        *) [ -n "$echoed" ] || printf '%s\n' "$line" ;;
        esac
    done
    warn "session $1 gave no answer within 60 s"
    return 1
}

session() {
    session_send "$1" "$2" && session_answer "$1"
}

session_close() {
    local in=${LS_SESSION_IN[$1]} out=${LS_SESSION_OUT[$1]}
    # Sessions opened later hold a copy of the pipe, so closing it alone would not be noticed.
    printf 'exit\n' >&"$in"
    exec {in}>&- {out}<&-
    wait "${LS_SESSION_PID[$1]}" 2>/dev/null
    unset "LS_SESSION_IN[$1]" "LS_SESSION_OUT[$1]" "LS_SESSION_PID[$1]"
}
