# Uses the daemon at the address given through Tcl's xmlrpc, and checks each answer. That library reads a reply only by its
# Content-Length. The table it expects is the one that tests/clients.rs inserts.
package require xmlrpc

set url "http://[lindex $argv 0]:[lindex $argv 1]"

proc fail {what} {
    puts stderr $what
    exit 1
}

proc check {seen expected what} {
    if {$seen ne $expected} { fail "$what: $seen, should be $expected" }
}

# The member of a struct.
proc get {name struct} { lindex [xmlrpc::assoc $name $struct] 1 }

proc answer {method params} {
    if {[catch {xmlrpc::call $::url RPC2 $method $params} answer]} { fail "$method: no answer is read" }
    lassign $answer rest value
    check $rest "" "what is behind the answer to $method"
    return $value
}

proc call {method params} {
    set value [answer $method $params]
    # An id is a list of one as well.
    if {[llength $value] > 1 && [xmlrpc::assoc faultCode $value] ne ""} { fail "$method: $value" }
    return $value
}

set session [call login {{string anybody} {string anything}}]
check [string length $session] 32 "the length of a session id"

# The library takes a struct by its variable's name.
proc view {filters args} {
    unset -nocomplain ::wanted
    array set ::wanted $filters
    return [call view [concat [list [list string $::session] {struct ::wanted}] $args]]
}

proc page {filters order direction start length} {
    return [view $filters [list string $order] [list string $direction] [list int $start] [list int $length]]
}

proc column {name view} {
    set values {}
    foreach row [get table $view] { lappend values [get $name $row] }
    return $values
}

set third [page {} timeout DESC 20 10]
check [get total $third] 250 "the total"
check [column orig_port_src $third] {1179 1178 1177 1176 1175 1174 1173 1172 1171 1170} "the third page by timeout"

# Far more than the 8 KB that the daemon sends at a time; not all rows, over which the library takes its time.
set ids [column id [page {} id ASC 40 30]]
check [llength [lsort -unique $ids]] 30 "the connections on a page"

set udp [page {orig_l4proto {int 17} orig_port_dst {int 53}} orig_port_src ASC 0 5]
check [get total $udp] 50 "the UDP connections"
check [column orig_port_src $udp] {2000 2001 2002 2003 2004} "their ports"
check [lsort -unique [column mark $udp]] 3000000000 "their marks"
check [get total [page {mark {string 3000000000}} "" ASC 0 1]] 50 "filtered by a wide mark"
check [get total [page {orig_src {string 10.0.0.3}} "" ASC 0 1]] 20 "filtered by address"
check [get total [page {host {array {{string 10.0.0.3} {string 10.0.0.4/32}}}} "" ASC 0 1]] 40 "filtered by two hosts"

proc row_of {port} {
    set rows [get table [page [list orig_port_src [list int $port]] "" ASC 0 5]]
    check [llength $rows] 1 "the connections from port $port"
    return [lindex $rows 0]
}
proc id_of {port} { get id [row_of $port] }

set mine [list string $session]
set victims [list array [list [list string [id_of 1000]] [list string [id_of 1001]]]]
check [call kill [list $mine $victims]] 2 "killed"
check [call kill [list $mine $victims]] 0 "killed again"
check [call kill [list $mine [list string [id_of 1002]]]] 1 "killed by a single id"
check [get total [page {} "" ASC 0 1]] 247 "what is left"

set marked [list string [id_of 1003]]
check [call change [list $mine {string mark} $marked {string 3000000000}]] 1 "a mark changed"
check [get mark [row_of 1003]] 3000000000 "the mark"
call change [list $mine {string mark} $marked {string 0x1/0xf}]
check [get mark [row_of 1003]] 3000000001 "the mark with one bit more"
call change [list $mine {string timeout} [list string [id_of 1004]] {int 5000}]
set timeout [get timeout [row_of 1004]]
if {$timeout < 4900 || $timeout > 5000} { fail "the timeout $timeout" }

set fault [answer view {{string nonsense}}]
check [get faultCode $fault] 2 "the fault of a session that is none"
array set wanted {marc {int 1}}
set fault [answer view [list $mine {struct ::wanted}]]
check [get faultCode $fault] 3 "the fault of a field that is none"
if {![string match *marc* [get faultString $fault]]} { fail "it does not name the field: $fault" }

array set refresh [list methodName {string refresh} params [list array [list $mine]]]
check [call system.multicall {{array {{struct ::refresh} {struct ::refresh}}}}] {1 1} "two calls in one"
check [expr {"view" in [call system.listMethods {}]}] 1 "view is listed"
check [call logout [list $mine]] 1 "the logout"
puts fine
