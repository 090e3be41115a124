"""Something between a client and the server: it keeps what the client sends, and may hand on something narrower.

`narrow` is how a model without sense plays its part of a turn: the first answer must be a call of one tool with given arguments,
the one that follows the call's result must repeat that result, as the client sent it. The schema of that one tool, the choice of
tools and the form of the answer are narrowed; all other tools and every text go through as they came.
"""
import http.client
import http.server
import json
import threading

SECONDS = 600


def held(arguments):
    """A schema of these arguments alone."""
    return {"type": "object", "properties": {name: {"const": value} for name, value in arguments.items()}, "required": list(arguments),
            "additionalProperties": False}


def hold(tools, names, arguments):
    """(the tools, of which the first of these names takes these arguments only, those of them that it has; that name)"""
    tools = json.loads(json.dumps(tools))
    tool = next(t for t in (t.get("function") or t for t in tools) if t.get("name") in names)
    place = "input_schema" if "input_schema" in tool else "parameters"
    tool[place] = held({name: value for name, value in arguments.items() if name in tool[place]["properties"]})
    return tools, tool["name"]


def result_in(path, body):
    """The text of the last result of a tool, or None."""
    if path == "/v1/chat/completions":
        found = [m["content"] for m in body["messages"] if m["role"] == "tool"]
    elif path == "/v1/responses":
        found = [item["output"] for item in body["input"] if item["type"] == "function_call_output"]
    else:
        blocks = [b for m in body["messages"] if isinstance(m["content"], list) for b in m["content"]]
        found = [b["content"] for b in blocks if b["type"] == "tool_result"]
    if not found:
        return None
    return found[-1] if isinstance(found[-1], str) else "".join(part["text"] for part in found[-1])


def narrow(path, body, names, arguments):
    path = path.split("?")[0]
    if path not in ("/v1/messages", "/v1/chat/completions", "/v1/responses"):
        return body
    body, result, name = dict(body), result_in(path, body), None
    if body.get("tools"):
        body["tools"], name = hold(body["tools"], names, arguments)  # every time, so that the prompt begins as it did
    calls = name and result is None
    answer = {"type": "json_schema", "name": "answer", "schema": {"const": result or "No result."}}
    if path == "/v1/chat/completions":
        if calls:
            return {**body, "tool_choice": {"type": "function", "function": {"name": name}}, "parallel_tool_calls": False}
        return {**body, "tool_choice": "none", "response_format": {"type": "json_schema", "json_schema": answer}}
    if path == "/v1/responses":
        if calls:
            return {**body, "tool_choice": {"type": "function", "name": name}, "parallel_tool_calls": False}
        return {**body, "tool_choice": "none", "text": {"format": answer}}
    if calls:
        return {**body, "tool_choice": {"type": "tool", "name": name, "disable_parallel_tool_use": True}}
    return {**body, "tool_choice": {"type": "none"}, "output_config": {"format": answer}}


class Relay:
    """`requests` are the bodies of POST as the client sent them, each with its path and headers and the answer's status.

    `narrow(path, body)` gives the body that the server gets; the client never sees the difference but in the answer.
    """

    def __init__(self, server_port, narrow=lambda path, body: body):
        self.requests, relay = [], self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def pass_on(self):
                data, kept = self.rfile.read(int(self.headers.get("content-length") or 0)), None
                if self.command == "POST":
                    kept = {"path": self.path, "headers": dict(self.headers), "body": json.loads(data or b"null")}
                    relay.requests.append(kept)
                    data = json.dumps(narrow(self.path, kept["body"]))
                connection = http.client.HTTPConnection("127.0.0.1", server_port, timeout=SECONDS)
                headers = {name: value for name, value in self.headers.items()
                           if name.lower() not in ("host", "connection", "content-length", "transfer-encoding", "accept-encoding")}
                connection.request(self.command, self.path, data, headers)
                answer = connection.getresponse()
                if kept:
                    kept["status"] = answer.status
                self.send_response(answer.status)
                self.send_header("content-type", answer.getheader("content-type") or "text/plain")
                self.send_header("connection", "close")
                self.end_headers()
                try:
                    while self.command != "HEAD" and (piece := answer.read1(65536)):
                        self.wfile.write(piece)
                        self.wfile.flush()
                except OSError:
                    connection.close()  # the client hung up; so does the relay
                self.close_connection = True

            do_GET = do_HEAD = do_POST = pass_on

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
