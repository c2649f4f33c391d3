# shellcheck shell=bash
# Completion of rctd for bash: put it into /usr/share/bash-completion/completions/ under the name rctd, or source it.
# tests/shell_completion.rs holds its words against the program's own.

_rctd() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' at
    for ((at = 1; at < COMP_CWORD; at++)); do
        if [[ ${COMP_WORDS[at]} != -* ]]; then
            command=${COMP_WORDS[at]}
            break
        fi
    done
    local groups='local remote orig_src orig_dst repl_src service orig_l4proto tcp_state zone mark'
    local fields='proto state source destination nat rate up down bytes packets ends mark id zone start src dst sport dport'
    local words='tcp udp icmp icmpv6 src: dst: sport: dport: host: port: proto: family: state: is: bytes: packets: rate: up:
        down: timeout: mark: status: zone: helper: id: not established syn_sent time_wait unreplied assured nat offloaded'
    case $before in
    --by) mapfile -t COMPREPLY < <(compgen -W "$groups" -- "$word") && return ;;
    -s | --sort) [[ $command == summary ]] && fields='connections bytes packets rate key' ;&
    -o | --fields) mapfile -t COMPREPLY < <(compgen -W "$fields" -- "$word") && return ;;
    --password-file | --passwd-file | --hosts | --leases) mapfile -t COMPREPLY < <(compgen -f -- "$word") && return ;;
    --log-level) mapfile -t COMPREPLY < <(compgen -W 'error warn info debug' -- "$word") && return ;;
    --wide-ints) mapfile -t COMPREPLY < <(compgen -W 'double i8 string' -- "$word") && return ;;
    esac
    case $command in
    list) words+=' --sort --reverse --limit --start --fields --json --bytes --no-header --hosts --leases --help' ;;
    summary) words+=' --by --lan --sort --reverse --limit --start --json --bytes --no-header --hosts --leases --help' ;;
    top) words+=' --hosts --leases --delay --lan --batch --times --limit --help' ;;
    kill) words+=' --id --yes --hosts --leases --help' ;;
    call) words='--connect --user --password-file --password-stdin --help login logout view kill kill_matching change
        change_matching refresh set_autorefresh stats summary explain system.listMethods system.methodHelp
        system.methodSignature' ;;
    passwd) words='--stdin --delete' ;;
    *) words="list summary top kill call passwd $(rctd --help 2>/dev/null | grep -o -- '--[a-z-]*' | sort -u)" ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    [[ ${COMPREPLY[0]-} == *: ]] && compopt -o nospace
    return 0
}
complete -F _rctd rctd
