# Uses the daemon at the address given through Perl's RPC::XML, and checks each answer.
# The table it expects is the one that tests/clients.rs inserts.
use strict;
use warnings;
use RPC::XML;
use RPC::XML::Client;

my $client = RPC::XML::Client->new("http://$ARGV[0]:$ARGV[1]/RPC2");

sub check {
    my ($seen, $expected, $what) = @_;
    die "$what: $seen, should be $expected\n" unless $seen eq $expected;
}

sub answer {
    my $answer = $client->send_request(@_);
    die "$_[0]: $answer\n" unless ref $answer;
    return $answer;
}

sub call {
    my $answer = answer(@_);
    die "$_[0]: " . $answer->string . "\n" if $answer->is_fault;
    return $answer->value;
}

my $session = call("login", "anybody", "anything");
check(length $session, 32, "the length of a session id");

sub ports { join " ", map { $_->{orig_port_src} } @{ $_[0]{table} } }

my $page = call("view", $session, {}, "timeout", "DESC", 20, 10);
check($page->{total}, 250, "the total");
check(ports($page), join(" ", reverse 1170 .. 1179), "the third page by timeout");

my %ids;
for (my $start = 0; $start < 250; $start += 40) {
    $ids{ $_->{id} } = 1 for @{ call("view", $session, {}, "id", "ASC", $start, 40)->{table} };
}
check(scalar keys %ids, 250, "the connections on all pages");

my $udp = call("view", $session, { orig_l4proto => 17, orig_port_dst => 53 }, "orig_port_src", "ASC", 0, 5);
check($udp->{total}, 50, "the UDP connections");
check(ports($udp), "2000 2001 2002 2003 2004", "their ports");
check($udp->{table}[0]{mark}, 3000000000, "their mark");
check(call("view", $session, { mark => RPC::XML::i8->new(3000000000) })->{total}, 50, "filtered by a wide mark");
check(call("view", $session, { orig_src => "10.0.0.3" })->{total}, 20, "filtered by address");
check(call("view", $session, { host => [ "10.0.0.3", "10.0.0.4/32" ] })->{total}, 40, "filtered by two hosts");

sub row_of {
    my ($port) = @_;
    my $rows = call("view", $session, { orig_port_src => $port })->{table};
    check(scalar @$rows, 1, "the connections from port $port");
    return $rows->[0];
}

# Ids go as strings: RPC::XML would guess a number from how one looks, which the daemon reads too.
my $victims = [ map { RPC::XML::string->new(row_of($_)->{id}) } 1000, 1001 ];
check(call("kill", $session, $victims), 2, "killed");
check(call("kill", $session, $victims), 0, "killed again");
check(call("kill", $session, row_of(1002)->{id}), 1, "killed by a single id");
check(call("view", $session)->{total}, 247, "what is left");

my $marked = row_of(1003)->{id};
check(call("change", $session, "mark", $marked, 3000000000), 1, "a mark changed");
check(row_of(1003)->{mark}, 3000000000, "the mark");
call("change", $session, "mark", $marked, "0x1/0xf");
check(row_of(1003)->{mark}, 3000000001, "the mark with one bit more");
call("change", $session, "timeout", row_of(1004)->{id}, 5000);
my $timeout = row_of(1004)->{timeout};
die "the timeout is $timeout\n" unless $timeout >= 4900 && $timeout <= 5000;

my $fault = answer("view", "nonsense");
check($fault->is_fault && $fault->code, 2, "the fault of a session that is none");
$fault = answer("view", $session, { marc => 1 });
check($fault->is_fault && $fault->code, 3, "the fault of a field that is none");
die "it does not name the field: " . $fault->string . "\n" unless $fault->string =~ /marc/;
check(call("logout", $session), 1, "the logout");
print "fine\n";
