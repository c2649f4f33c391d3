/*
 * Uses the daemon at the address given through xmlrpc-c's core library, which encodes and decodes, over a plain
 * socket and HTTP/1.0, and checks each answer. The table it expects is the one that tests/clients.rs inserts.
 */
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <xmlrpc-c/base.h>

static const char *host, *port;
static xmlrpc_env env;

static void fail(const char *what, const char *why) {
	fprintf(stderr, "%s: %s\n", what, why);
	exit(1);
}

static void check(long long seen, long long expected, const char *what) {
	if (seen != expected) {
		fprintf(stderr, "%s: %lld, should be %lld\n", what, seen, expected);
		exit(1);
	}
}

static void fine(const char *what) {
	if (env.fault_occurred)
		fail(what, env.fault_string);
}

static int dial(void) {
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	int fd;

	if (getaddrinfo(host, port, &hints, &found) != 0)
		fail("connect", "no such address");
	fd = socket(found->ai_family, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) != 0)
		fail("connect", "refused");
	freeaddrinfo(found);
	return fd;
}

/* Sends a request and returns the body of the reply, which ends with the connection. */
static char *post(const char *body, size_t length, size_t *reply_length) {
	static char buffer[4 << 20];
	size_t used = 0;
	ssize_t got;
	char *end;
	int fd = dial();

	dprintf(fd, "POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: %zu\r\n\r\n", length);
	if (write(fd, body, length) != (ssize_t)length)
		fail("post", "not all was sent");
	while ((got = read(fd, buffer + used, sizeof buffer - 1 - used)) > 0)
		used += got;
	close(fd);
	buffer[used] = 0;
	end = strstr(buffer, "\r\n\r\n");
	if (end == NULL || strncmp(buffer + 8, " 200", 4) != 0)
		fail("post", buffer);
	*reply_length = buffer + used - (end + 4);
	return end + 4;
}

/* Calls a procedure with an array of parameters built like xmlrpc_build_value; the fault's code, or 0. */
static int try_call(xmlrpc_value **result, const char *method, const char *format, ...) {
	xmlrpc_mem_block *xml = XMLRPC_MEMBLOCK_NEW(char, &env, 0);
	xmlrpc_value *params;
	const char *rest, *fault;
	size_t length;
	va_list args;
	char *body;
	int code;

	va_start(args, format);
	xmlrpc_build_value_va(&env, format, args, &params, &rest);
	va_end(args);
	fine(method);
	xmlrpc_serialize_call(&env, xml, method, params);
	fine(method);
	body = post(XMLRPC_MEMBLOCK_CONTENTS(char, xml), XMLRPC_MEMBLOCK_SIZE(char, xml), &length);
	xmlrpc_parse_response2(&env, body, length, result, &code, &fault);
	fine(method);
	xmlrpc_DECREF(params);
	XMLRPC_MEMBLOCK_FREE(char, xml);
	if (fault == NULL)
		return 0;
	fprintf(stderr, "(%s: %s)\n", method, fault);
	return code;
}

#define CALL(result, method, ...) check(try_call(result, method, __VA_ARGS__), 0, "the fault of " method)

/* A whole number, which comes as int, or as double where it does not fit 32 signed bits. */
static long long number(xmlrpc_value *of, const char *name) {
	xmlrpc_value *member = of;
	xmlrpc_double wide;
	xmlrpc_bool flag;
	int narrow;

	if (name != NULL)
		xmlrpc_struct_find_value(&env, of, name, &member);
	fine(name);
	if (member == NULL)
		fail(name, "is not there");
	switch (xmlrpc_value_type(member)) {
	case XMLRPC_TYPE_DOUBLE:
		xmlrpc_read_double(&env, member, &wide);
		return wide;
	case XMLRPC_TYPE_BOOL:
		xmlrpc_read_bool(&env, member, &flag);
		return flag;
	default:
		xmlrpc_read_int(&env, member, &narrow);
		fine(name);
		return narrow;
	}
}

/* The row at this place of a page. */
static xmlrpc_value *row(xmlrpc_value *page, unsigned nth) {
	xmlrpc_value *table, *found;

	xmlrpc_struct_find_value(&env, page, "table", &table);
	xmlrpc_array_read_item(&env, table, nth, &found);
	fine("a row");
	return found;
}

static const char *id(xmlrpc_value *row) {
	xmlrpc_value *member;
	const char *text;

	xmlrpc_struct_find_value(&env, row, "id", &member);
	xmlrpc_read_string(&env, member, &text);
	fine("an id");
	return text;
}

static const char *session;

static xmlrpc_value *row_of(int port_src) {
	xmlrpc_value *page;

	CALL(&page, "view", "(s{s:i})", session, "orig_port_src", port_src);
	check(number(page, "total"), 1, "the connections from a port");
	return row(page, 0);
}

static void pages(void) {
	xmlrpc_value *page, *none = xmlrpc_struct_new(&env);
	int nth;

	CALL(&page, "view", "(sSssii)", session, none, "timeout", "DESC", 20, 10);
	check(number(page, "total"), 250, "the total");
	for (nth = 0; nth < 10; nth++)
		check(number(row(page, nth), "orig_port_src"), 1179 - nth, "a port on the third page by timeout");
	CALL(&page, "view", "(s{s:i,s:i}ssii)", session, "orig_l4proto", 17, "orig_port_dst", 53, "orig_port_src", "ASC", 0, 5);
	check(number(page, "total"), 50, "the UDP connections");
	check(number(row(page, 4), "orig_port_src"), 2004, "the fifth's port");
	check(number(row(page, 4), "mark"), 3000000000LL, "its mark");
	CALL(&page, "view", "(s{s:I})", session, "mark", (xmlrpc_int64)3000000000LL);
	check(number(page, "total"), 50, "filtered by a wide mark");
	CALL(&page, "view", "(s{s:s})", session, "orig_src", "10.0.0.3");
	check(number(page, "total"), 20, "filtered by address");
	CALL(&page, "view", "(s{s:(ss)})", session, "host", "10.0.0.3", "10.0.0.4/32");
	check(number(page, "total"), 40, "filtered by two hosts");
}

static void kills_and_changes(void) {
	const char *first = id(row_of(1000)), *second = id(row_of(1001)), *marked = id(row_of(1003));
	xmlrpc_value *answer;
	long long timeout;

	CALL(&answer, "kill", "(s(ss))", session, first, second);
	check(number(answer, NULL), 2, "killed");
	CALL(&answer, "kill", "(s(ss))", session, first, second);
	check(number(answer, NULL), 0, "killed again");
	CALL(&answer, "kill", "(ss)", session, id(row_of(1002)));
	check(number(answer, NULL), 1, "killed by a single id");
	CALL(&answer, "view", "(s)", session);
	check(number(answer, "total"), 247, "what is left");
	CALL(&answer, "change", "(sssI)", session, "mark", marked, (xmlrpc_int64)3000000000LL);
	check(number(answer, NULL), 1, "a mark changed");
	check(number(row_of(1003), "mark"), 3000000000LL, "the mark");
	CALL(&answer, "change", "(ssss)", session, "mark", marked, "0x1/0xf");
	check(number(row_of(1003), "mark"), 3000000001LL, "the mark with one bit more");
	CALL(&answer, "change", "(sssi)", session, "timeout", id(row_of(1004)), 5000);
	timeout = number(row_of(1004), "timeout");
	check(timeout >= 4900 && timeout <= 5000, 1, "the timeout is what was set");
}

int main(int argc, char **argv) {
	xmlrpc_value *answer;

	if (argc != 3)
		fail("usage", "client HOST PORT");
	host = argv[1];
	port = argv[2];
	xmlrpc_env_init(&env);
	CALL(&answer, "login", "(ss)", "anybody", "anything");
	xmlrpc_read_string(&env, answer, &session);
	fine("the session");
	check(strlen(session), 32, "the length of a session id");
	pages();
	kills_and_changes();
	check(try_call(&answer, "view", "(s)", "nonsense"), 2, "the fault of a session that is none");
	check(try_call(&answer, "view", "(s{s:i})", session, "marc", 1), 3, "the fault of a field that is none");
	CALL(&answer, "logout", "(s)", session);
	puts("fine");
	return 0;
}
