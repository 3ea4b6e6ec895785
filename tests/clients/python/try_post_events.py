"""Tries post_events.py: an endpoint, an account to which things happen, and restarts of the hook and of the
ledger in between. The endpoint must have got each event once, in order.

try_post_events.py LEDGER FOLDER

Whoever runs it restarts the ledger when FOLDER/restart is there, and makes FOLDER/restarted then.
"""

import http.server
import json
import os
import subprocess
import sys
import threading
import time

import grpc
from google.type import money_pb2

from reserve.ledger.v1 import accounts_pb2, accounts_pb2_grpc, events_pb2, events_pb2_grpc
from reserve.ledger.v1 import support_pb2, support_pb2_grpc

PATIENCE = 60
ACCOUNT = "told"


class Endpoint(http.server.BaseHTTPRequestHandler):
    got = []
    keys = set()
    repeated = 0  # requests with a key that was there before
    refuse = 0  # so many requests more

    def do_POST(self):  # noqa: N802 - the name is the library's
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        refused = Endpoint.refuse > 0
        if refused:
            Endpoint.refuse -= 1
        elif event["account_id"] == ACCOUNT:
            # As any endpoint should: what was under way at the kill may come again, by the same key.
            key = self.headers["Idempotency-Key"]
            if key in Endpoint.keys:
                Endpoint.repeated += 1
            else:
                Endpoint.keys.add(key)
                Endpoint.got.append(int(event["event_seq"]))
        self.send_response(503 if refused else 204)
        self.end_headers()

    def log_message(self, *_):
        pass


def wait_until(what, holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            sys.exit(f"not so after {PATIENCE} s: {what}; got {Endpoint.got}")
        time.sleep(0.02)


def last_event(channel):
    stub = events_pb2_grpc.EventsStub(channel)
    page = stub.ListEvents(events_pb2.ListEventsRequest(account_id=ACCOUNT, page_size=1000),
                           timeout=PATIENCE, wait_for_ready=True)
    return max(event.event_seq for event in page.events)


def adjust(channel, name):
    support_pb2_grpc.SupportStub(channel).AdjustBalance(
        support_pb2.AdjustBalanceRequest(
            account_id=ACCOUNT, request_id=name, reason="a test",
            amount=money_pb2.Money(currency_code="USD", units=1)),
        timeout=PATIENCE, wait_for_ready=True)


def main(ledger, folder):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    here = os.path.dirname(os.path.abspath(__file__))
    state = os.path.join(folder, "state.json")
    hook = [sys.executable, os.path.join(here, "post_events.py"), ledger,
            f"http://127.0.0.1:{server.server_port}/", state]
    channel = grpc.insecure_channel(ledger)
    running = subprocess.Popen(hook)
    try:
        wait_until("it has a place to go on from", lambda: os.path.exists(state))
        accounts_pb2_grpc.AccountsStub(channel).OpenAccount(
            accounts_pb2.OpenAccountRequest(account_id=ACCOUNT), timeout=PATIENCE)
        for number in range(5):
            adjust(channel, f"first-{number}")
        wait_until("all is posted", lambda: len(Endpoint.got) >= last_event(channel))

        running.kill()
        running.wait()
        for number in range(5):
            adjust(channel, f"without-it-{number}")
        running = subprocess.Popen(hook)
        wait_until("what it missed is posted", lambda: len(Endpoint.got) >= last_event(channel))

        Endpoint.refuse = 3
        adjust(channel, "refused-at-first")
        wait_until("an endpoint that was away has it", lambda: len(Endpoint.got) >= last_event(channel))

        open(os.path.join(folder, "restart"), "w").close()
        wait_until("the ledger is new", lambda: os.path.exists(os.path.join(folder, "restarted")))
        for number in range(5):
            adjust(channel, f"then-{number}")
        wait_until("it goes on with the new ledger", lambda: len(Endpoint.got) >= last_event(channel))
        time.sleep(0.5)  # for anything that should not come
        expected = list(range(1, last_event(channel) + 1))
        if Endpoint.got != expected:
            sys.exit(f"the endpoint got {Endpoint.got}, not {expected}")
        if Endpoint.repeated > 1:
            sys.exit(f"{Endpoint.repeated} requests were repeated; only the one at the kill may be")
    finally:
        running.kill()
        running.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
