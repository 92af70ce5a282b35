#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""held_verifier.py CERTIFICATE KEY PORT DIRECTORY - stands between a host and a verifier, to stop an attestation at a point.

Passes requests on to the verifier at PORT of this machine. DIRECTORY/mode says what happens to evidence:
  pass            it is passed on, and answered
  hold-evidence   it is read, and never passed on or answered
  hold-verdict    it is passed on, and the verdict is never answered
DIRECTORY/port is this server's own port; DIRECTORY/held appears once something is held.
"""
import http.client
import http.server
import pathlib
import ssl
import sys
import time

certificate, key, port, directory = sys.argv[1:]
directory = pathlib.Path(directory)
outward = ssl.create_default_context()
outward.check_hostname = False
outward.verify_mode = ssl.CERT_NONE


class Between(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def body(self):
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        whole = b""
        while size := int(self.rfile.readline(), 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return whole

    def hold(self):
        (directory / "held").touch()
        time.sleep(60)
        self.close_connection = True

    def do_POST(self):
        body = self.body()
        mode = (directory / "mode").read_text().strip() if self.path == "/v1/evidence" else "pass"
        if mode == "hold-evidence":
            return self.hold()
        to = http.client.HTTPSConnection("127.0.0.1", int(port), context=outward)
        to.request("POST", self.path, body, {"Content-Type": self.headers["Content-Type"]})
        answer = to.getresponse()
        text = answer.read()
        if mode == "hold-verdict":
            return self.hold()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.headers["Content-Type"])
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Between)
server.daemon_threads = True
inward = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
inward.load_cert_chain(certificate, key)
server.socket = inward.wrap_socket(server.socket, server_side=True)
(directory / "port").write_text(str(server.server_address[1]))
server.serve_forever()
