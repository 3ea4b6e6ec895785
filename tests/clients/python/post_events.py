"""Posts each event of a ledger to an HTTP endpoint, in the order of its account: for whoever must tell
customers what happened to their accounts. An example to start from; it needs nothing of Reserve but the
.proto files.

post_events.py LEDGER URL STATE_FILE [--ca FILE [--certificate FILE --key FILE]]

Where it stopped it goes on: STATE_FILE has the place, written anew (whole or not at all) once the endpoint
has taken an event. The endpoint gets each event once, but for the one that was under way if this program
was killed at that moment: its header Idempotency-Key, ACCOUNT/NUMBER, tells it. An endpoint that is away,
or answers anything but 2xx (also if it sends us elsewhere), is tried again until it takes the event: the
next ones wait, so that none overtakes another. A ledger that is away, or says nothing any more, is asked
again likewise.
"""

import argparse
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

import grpc
from google.protobuf import json_format

from reserve.ledger.v1 import events_pb2, events_pb2_grpc

# After a resume the ledger repeats events of the last minute or so.
REMEMBERED_SECONDS = 3600
PAUSES = [0.1, 0.2, 0.5, 1, 2, 5]
# The ledger says something every few seconds.
SILENT_SECONDS = 30


class State:
    """Where the stream is: its token, and of each account that had events lately the last number."""

    def __init__(self, path):
        self.path = path
        self.token = ""
        self.last = {}  # [number, when it was noted or could last be needed, by the clock of this run]
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                stored = json.load(file)
            self.token = stored["token"]
            self.last = {account: [number, 0] for account, number in stored["last"].items()}

    def resume(self):
        """A stream begins: whatever was known at its token may come again, however long ago that was."""
        now = time.monotonic()
        for noted in self.last.values():
            noted[1] = now

    def seen(self, event):
        return event.event_seq <= self.last.get(event.account_id, [0, 0])[0]

    def note(self, event):
        self.last[event.account_id] = [event.event_seq, time.monotonic()]
        self.write()

    def move_on(self, token):
        self.token = token
        oldest = time.monotonic() - REMEMBERED_SECONDS
        self.last = {account: noted for account, noted in self.last.items() if noted[1] > oldest}
        self.write()

    def write(self):
        new = self.path + ".new"
        last = {account: noted[0] for account, noted in self.last.items()}
        with open(new, "w", encoding="utf-8") as file:
            json.dump({"token": self.token, "last": last}, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(new, self.path)


class Nowhere(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: it would be followed by a GET without the event."""

    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(Nowhere)


def post(url, event):
    body = json.dumps(json_format.MessageToDict(event, preserving_proto_field_name=True))
    request = urllib.request.Request(url, body.encode(), {
        "Content-Type": "application/json",
        "Idempotency-Key": f"{event.account_id}/{event.event_seq}"})
    tries = 0
    while True:
        try:
            with OPENER.open(request, timeout=10):
                return
        except (urllib.error.URLError, OSError) as error:
            print(f"the endpoint: {error}", file=sys.stderr, flush=True)
        time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
        tries += 1


def messages_of(stream, silent_seconds):
    """The messages of a stream. One from which nothing comes is canceled: its ledger, or the way there, is
    gone without a word."""
    while True:
        watch = threading.Timer(silent_seconds, stream.cancel)
        watch.daemon = True
        watch.start()
        try:
            message = next(stream, None)
        finally:
            watch.cancel()
        if message is None:
            return
        yield message


def channel_to(options):
    def content(path):
        if path is None:
            return None
        with open(path, "rb") as file:
            return file.read()
    if options.ca is None:
        return grpc.insecure_channel(options.ledger)
    return grpc.secure_channel(options.ledger, grpc.ssl_channel_credentials(
        content(options.ca), content(options.key), content(options.certificate)))


def follow(options, state):
    """Returns when the stream ends, which it does when the ledger drains or is gone."""
    with channel_to(options) as channel:
        stream = events_pb2_grpc.EventsStub(channel).WatchEvents(
            events_pb2.WatchEventsRequest(resume_token=state.token), wait_for_ready=True)
        state.resume()
        for message in messages_of(stream, options.silent_seconds):
            for event in message.events:
                if not state.seen(event):
                    post(options.url, event)
                    state.note(event)
            state.move_on(message.resume_token)


def options_from(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("ledger", help="HOST:PORT")
    parser.add_argument("url")
    parser.add_argument("state_file")
    parser.add_argument("--ca", help="who signed the ledger's certificate; without it in plain text")
    parser.add_argument("--certificate", help="our own, by which the ledger knows us")
    parser.add_argument("--key")
    parser.add_argument("--silent_seconds", type=float, default=SILENT_SECONDS)
    return parser.parse_args(arguments)


def main(arguments):
    options = options_from(arguments)
    state = State(options.state_file)
    tries = 0
    while True:
        begun = time.monotonic()
        try:
            follow(options, state)
        except grpc.RpcError as error:
            print(f"the ledger: {error.code().name}", file=sys.stderr, flush=True)
        tries = 0 if time.monotonic() - begun > PAUSES[-1] else tries + 1
        time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])


if __name__ == "__main__":
    main(sys.argv[1:])
