"""Tries post_events.py: an endpoint, an account to which things happen, and restarts of the hook, of the
ledger and of the endpoint in between. The endpoint must have got each event once, in order.

try_post_events.py LEDGER FOLDER

Whoever runs it restarts the ledger when FOLDER/restart is there, and makes FOLDER/restarted then.
"""

import concurrent.futures
import http.server
import json
import os
import subprocess
import sys
import threading
import time

import grpc
from google.type import money_pb2

import post_events
from reserve.ledger.v1 import accounts_pb2, accounts_pb2_grpc, events_pb2, events_pb2_grpc
from reserve.ledger.v1 import resources_pb2, support_pb2, support_pb2_grpc

PATIENCE = 60
ACCOUNT = "told"
HERE = os.path.dirname(os.path.abspath(__file__))


class Endpoint(http.server.BaseHTTPRequestHandler):
    got = []
    keys = set()
    repeated = 0  # requests with a key that was there before
    refuse = 0  # so many requests more
    send_elsewhere = 0
    visits = 0  # of whoever was sent elsewhere, and went

    def do_POST(self):  # noqa: N802 - the name is the library's
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if Endpoint.refuse > 0:
            Endpoint.refuse -= 1
            self.send_response(503)
        elif Endpoint.send_elsewhere > 0:
            Endpoint.send_elsewhere -= 1
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
        else:
            if event["account_id"] == ACCOUNT:
                Endpoint.take(self.headers["Idempotency-Key"], int(event["event_seq"]))
            self.send_response(204)
        self.end_headers()

    @staticmethod
    def take(key, number):
        # As any endpoint should: what was under way at the kill may come again, by the same key.
        if key in Endpoint.keys:
            Endpoint.repeated += 1
        else:
            Endpoint.keys.add(key)
            Endpoint.got.append(number)

    def do_GET(self):  # noqa: N802
        Endpoint.visits += 1
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def open_endpoint(port=0):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def wait_until(what, holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"not so after {PATIENCE} s: {what}; got {Endpoint.got}")
        time.sleep(0.02)


def last_event(channel):
    stub = events_pb2_grpc.EventsStub(channel)
    page = stub.ListEvents(
        events_pb2.ListEventsRequest(account_id=ACCOUNT, page_size=1,
                                     order=events_pb2.EVENT_ORDER_NEWEST_FIRST),
        timeout=PATIENCE, wait_for_ready=True)
    return page.events[0].event_seq


def adjust(channel, name):
    support_pb2_grpc.SupportStub(channel).AdjustBalance(
        support_pb2.AdjustBalanceRequest(
            account_id=ACCOUNT, request_id=name, reason="a test",
            amount=money_pb2.Money(currency_code="USD", units=1)),
        timeout=PATIENCE, wait_for_ready=True)


class Hook:
    """post_events.py, and what it says."""

    def __init__(self, ledger, port, folder, *more):
        self.state = os.path.join(folder, "state.json")
        self.said = os.path.join(folder, "hook.log")
        self.command = [sys.executable, os.path.join(HERE, "post_events.py"), ledger,
                        f"http://127.0.0.1:{port}/", self.state, *more]
        self.running = None

    def start(self):
        with open(self.said, "a", encoding="utf-8") as log:
            self.running = subprocess.Popen(self.command, stderr=log)

    def kill(self):
        self.running.kill()
        self.running.wait()

    def has_said(self, what):
        with open(self.said, encoding="utf-8") as log:
            return what in log.read()


def try_restarts(ledger, folder):
    server = open_endpoint()
    port = server.server_port
    channel = grpc.insecure_channel(ledger)

    def all_is_posted():
        return len(Endpoint.got) >= last_event(channel)
    hook = Hook(ledger, port, folder)
    hook.start()
    try:
        wait_until("it has a place to go on from", lambda: os.path.exists(hook.state))
        accounts_pb2_grpc.AccountsStub(channel).OpenAccount(
            accounts_pb2.OpenAccountRequest(account_id=ACCOUNT), timeout=PATIENCE)
        for number in range(5):
            adjust(channel, f"first-{number}")
        wait_until("all is posted", all_is_posted)

        hook.kill()
        for number in range(5):
            adjust(channel, f"without-it-{number}")
        hook.start()
        wait_until("what it missed is posted", all_is_posted)

        Endpoint.refuse = 3
        adjust(channel, "refused-at-first")
        wait_until("an endpoint that refused has it", all_is_posted)
        Endpoint.send_elsewhere = 1
        adjust(channel, "sent-elsewhere")
        wait_until("an endpoint that sent it elsewhere has it", all_is_posted)
        if Endpoint.send_elsewhere or Endpoint.visits:
            sys.exit(f"{Endpoint.visits} went elsewhere, without the event")

        server.shutdown()
        server.server_close()
        adjust(channel, "away")
        wait_until("it has met nobody", lambda: hook.has_said("Connection refused"))
        server = open_endpoint(port)
        wait_until("an endpoint that was away has it", all_is_posted)

        open(os.path.join(folder, "restart"), "w").close()
        wait_until("the ledger is new", lambda: os.path.exists(os.path.join(folder, "restarted")))
        for number in range(5):
            adjust(channel, f"then-{number}")
        wait_until("it goes on with the new ledger", all_is_posted)
        expected = list(range(1, last_event(channel) + 1))
        if Endpoint.got != expected:
            sys.exit(f"the endpoint got {Endpoint.got}, not {expected}")
        if Endpoint.repeated > 1:
            sys.exit(f"{Endpoint.repeated} requests were repeated; only the one at the kill may be")
    finally:
        hook.kill()


def try_long_pause(folder):
    """However long a hook was away, it knows again what comes twice after a resume."""
    state = post_events.State(os.path.join(folder, "paused.json"))
    for number in range(3):
        state.note(resources_pb2.Event(account_id=f"a-{number}", event_seq=7))
    clock = post_events.time.monotonic
    try:
        post_events.time.monotonic = lambda: clock() + 2 * post_events.REMEMBERED_SECONDS
        for resumed in (state, post_events.State(state.path)):
            resumed.resume()
            resumed.move_on("of the first message")
            for number in range(3):
                if not resumed.seen(resources_pb2.Event(account_id=f"a-{number}", event_seq=7)):
                    sys.exit(f"a-{number} is forgotten before the overlap is over")
    finally:
        post_events.time.monotonic = clock


class Gone(events_pb2_grpc.EventsServicer):
    """A ledger from which nothing comes at the first call."""

    def __init__(self):
        self.calls = 0

    def WatchEvents(self, request, context):  # noqa: N802 - the name is the service's
        self.calls += 1
        if self.calls == 1:
            ended = threading.Event()
            context.add_callback(ended.set)
            ended.wait(PATIENCE)
            return
        yield events_pb2.WatchEventsResponse(
            events=[resources_pb2.Event(account_id=ACCOUNT, event_seq=1000)], resume_token="x")


def try_silence(folder):
    ledger = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    events_pb2_grpc.add_EventsServicer_to_server(Gone(), ledger)
    port = ledger.add_insecure_port("127.0.0.1:0")
    ledger.start()
    quiet = os.path.join(folder, "quiet")
    os.makedirs(quiet, exist_ok=True)
    hook = Hook(f"127.0.0.1:{port}", open_endpoint().server_port, quiet, "--silent_seconds=0.5")
    hook.start()
    try:
        wait_until("it asks again where nothing comes", lambda: 1000 in Endpoint.got)
    finally:
        hook.kill()
        ledger.stop(None)


def main(ledger, folder):
    try_long_pause(folder)
    try_restarts(ledger, folder)
    try_silence(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
