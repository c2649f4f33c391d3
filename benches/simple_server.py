"""Python's own XML-RPC server with one procedure, `refresh`, which takes a string and answers true."""
import sys
from socketserver import ThreadingMixIn
from xmlrpc.server import SimpleXMLRPCRequestHandler, SimpleXMLRPCServer


class KeepAlive(SimpleXMLRPCRequestHandler):
    # Its default is HTTP/1.0, which closes the connection after each call: that would measure connects.
    protocol_version = "HTTP/1.1"


class Threads(ThreadingMixIn, SimpleXMLRPCServer):
    # Without threads a connection that is kept alive keeps all others out.
    daemon_threads = True


server = Threads(("127.0.0.1", 0), requestHandler=KeepAlive, logRequests=False)
server.register_function(lambda session: isinstance(session, str), "refresh")
print(server.server_address[1], flush=True)
sys.stdout.close()
server.serve_forever()
