"""Posts each event of a ledger to an HTTP endpoint, in the order of its account: for whoever must tell
customers what happened to their accounts. An example to start from; it needs nothing of Reserve but the
.proto files.

post_events.py LEDGER URL STATE_FILE

Where it stopped it goes on: STATE_FILE has the place, written anew (whole or not at all) once the endpoint
has taken an event. The endpoint gets each event once, but for the one that was under way if this program
was killed at that moment: its header Idempotency-Key, ACCOUNT/NUMBER, tells it. An endpoint that is away,
or answers anything but 2xx, is tried again until it takes the event: the next ones wait, so that none
overtakes another. A ledger that is away is asked again likewise.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

import grpc
from google.protobuf import json_format

from reserve.ledger.v1 import events_pb2, events_pb2_grpc

# After a resume the ledger repeats events of the last minute or so.
REMEMBERED_SECONDS = 3600
PAUSES = [0.1, 0.2, 0.5, 1, 2, 5]


class State:
    """Where the stream is: its token, and of each account that had events lately the last number."""

    def __init__(self, path):
        self.path = path
        self.token = ""
        self.last = {}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                stored = json.load(file)
            self.token, self.last = stored["token"], stored["last"]

    def seen(self, event):
        return event.event_seq <= self.last.get(event.account_id, [0, 0])[0]

    def note(self, event):
        self.last[event.account_id] = [event.event_seq, time.time()]
        self.write()

    def move_on(self, token):
        self.token = token
        oldest = time.time() - REMEMBERED_SECONDS
        self.last = {account: seen for account, seen in self.last.items() if seen[1] > oldest}
        self.write()

    def write(self):
        new = self.path + ".new"
        with open(new, "w", encoding="utf-8") as file:
            json.dump({"token": self.token, "last": self.last}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)


def post(url, event):
    body = json.dumps(json_format.MessageToDict(event, preserving_proto_field_name=True))
    request = urllib.request.Request(url, body.encode(), {
        "Content-Type": "application/json",
        "Idempotency-Key": f"{event.account_id}/{event.event_seq}"})
    tries = 0
    while True:
        try:
            with urllib.request.urlopen(request, timeout=10):
                return
        except (urllib.error.URLError, OSError) as error:
            print(f"the endpoint: {error}", file=sys.stderr, flush=True)
        time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
        tries += 1


def follow(ledger, url, state):
    """Returns when the stream ends, which it does when the ledger drains or is gone."""
    with grpc.insecure_channel(ledger) as channel:
        stream = events_pb2_grpc.EventsStub(channel).WatchEvents(
            events_pb2.WatchEventsRequest(resume_token=state.token), wait_for_ready=True)
        for message in stream:
            for event in message.events:
                if not state.seen(event):
                    post(url, event)
                    state.note(event)
            state.move_on(message.resume_token)


def main(ledger, url, path):
    state = State(path)
    tries = 0
    while True:
        begun = time.monotonic()
        try:
            follow(ledger, url, state)
        except grpc.RpcError as error:
            print(f"the ledger: {error.code().name}", file=sys.stderr, flush=True)
        tries = 0 if time.monotonic() - begun > PAUSES[-1] else tries + 1
        time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])


if __name__ == "__main__":
    main(*sys.argv[1:])
