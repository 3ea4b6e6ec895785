"""Draws two pages of an account with 20,000 calls, "billing" and "call history", from public RPCs alone: at
most ten calls a page. The pages are FOLDER/billing.html and FOLDER/history.html.

draw_pages.py LEDGER FOLDER
"""

import datetime
import html
import os
import statistics
import sys
import time

import grpc
from google.protobuf import timestamp_pb2
from google.type import money_pb2

from reserve.ledger.v1 import accounts_pb2 as accounts
from reserve.ledger.v1 import accounts_pb2_grpc, ledger_pb2, ledger_pb2_grpc, resources_pb2
from reserve.ledger.v1 import support_pb2, support_pb2_grpc

DEADLINE = 60
ACCOUNT = "pages"
CALLS = 20_000
A_BATCH = 1_000
MOST_RPCS = 10
MOST_SECONDS = 0.3
ROUNDS = 5


class Counted:
    """A stub that counts what is asked."""

    def __init__(self, channel):
        self.stub = accounts_pb2_grpc.AccountsStub(channel)
        self.asked = 0

    def __getattr__(self, name):
        def ask(request):
            self.asked += 1
            return getattr(self.stub, name)(request, timeout=DEADLINE)
        return ask


def at(moment):
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def text_of(money):
    return f"{money.units + money.nanos / 1e9:.4f} {money.currency_code}"


def nanos_of(money):
    return money.units * 10 ** 9 + money.nanos


def table(head, rows):
    cells = "".join(f"<th>{html.escape(name)}</th>" for name in head)
    lines = "".join("<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>"
                    for row in rows)
    return f"<table><tr>{cells}</tr>{lines}</table>"


def charged(stub):
    page = stub.ListRecharges(accounts.ListRechargesRequest(account_id=ACCOUNT), timeout=DEADLINE)
    return [one.state for one in page.recharges] == [resources_pb2.RECHARGE_STATE_SUCCEEDED]


def book(channel, now):
    stub = accounts_pb2_grpc.AccountsStub(channel)
    stub.OpenAccount(accounts.OpenAccountRequest(account_id=ACCOUNT, card_token="tok_visa#pages"),
                     timeout=DEADLINE)
    end = time.monotonic() + DEADLINE
    while not charged(stub):
        if time.monotonic() > end:
            sys.exit("the first recharge did not succeed")
        time.sleep(0.05)
    support_pb2_grpc.SupportStub(channel).RecordPayment(
        support_pb2.RecordPaymentRequest(
            account_id=ACCOUNT, request_id="paid", reason="a test", reference="bank-1",
            means=resources_pb2.PAYMENT_MEANS_BANK_TRANSFER,
            amount=money_pb2.Money(currency_code="USD", units=5000)), timeout=DEADLINE)
    for user in ("ann", "bob"):
        stub.PutUser(accounts.PutUserRequest(account_id=ACCOUNT, user_id=user), timeout=DEADLINE)
    ledger = ledger_pb2_grpc.LedgerStub(channel)
    for first in range(0, CALLS, A_BATCH):
        batch = ledger_pb2.BatchRecordUsageRequest()
        for number in range(first, first + A_BATCH):
            one = batch.requests.add(account_id=ACCOUNT)
            one.usage.usage_id = f"call-{number}"
            one.usage.user_id = "ann" if number % 3 else "bob"
            one.usage.start_time.CopyFrom(at(now - datetime.timedelta(minutes=2 * number)))
            one.usage.call.direction = resources_pb2.DIRECTION_OUTBOUND
            one.usage.call.destination = "+12025550123" if number % 5 else "+442079460000"
            one.usage.call.duration.seconds = 30 + number % 400
        answer = ledger.BatchRecordUsage(batch, timeout=DEADLINE)
        wrong = [one for one in answer.results if one.HasField("error")]
        if wrong:
            sys.exit(f"not booked: {wrong[0]}")


def draw_billing(ask):
    account = ask.GetAccount(accounts.GetAccountRequest(account_id=ACCOUNT))
    cards = ask.ListPaymentMethods(accounts.ListPaymentMethodsRequest(account_id=ACCOUNT))
    recharges = ask.ListRecharges(accounts.ListRechargesRequest(account_id=ACCOUNT))
    payments = ask.ListPayments(accounts.ListPaymentsRequest(account_id=ACCOUNT))
    receipts = ask.ListReceipts(accounts.ListReceiptsRequest(account_id=ACCOUNT))
    users = ask.ListUsers(accounts.ListUsersRequest(account_id=ACCOUNT))
    advice = ask.GetBillingAdvice(accounts.GetBillingAdviceRequest(account_id=ACCOUNT))
    there = [len(cards.payment_methods), len(recharges.recharges), len(payments.payments),
             len(receipts.receipts), len(users.users), len(advice.plan_advice)]
    if there != [1, 1, 1, 2, 2, 2]:
        sys.exit(f"cards, recharges, payments, receipts, users, hints: {there}")
    paid = sum(nanos_of(one.amount) for one in receipts.receipts)
    if not 0 < nanos_of(account.balance) < paid or not account.billing_settings.automatic_recharge:
        sys.exit(f"of {paid} nanos paid there are {nanos_of(account.balance)} left")
    return "".join([
        "<h1>Billing</h1>",
        f"<p>Balance {text_of(account.balance)}, recharged by "
        f"{text_of(account.billing_settings.reserve_amount)} below "
        f"{text_of(account.billing_settings.recharge_threshold)}</p>",
        table(["card", "state"],
              [[one.payment_method_id, resources_pb2.CardState.Name(one.card_state)]
               for one in cards.payment_methods]),
        table(["recharge", "state"],
              [[one.ordinal, resources_pb2.RechargeState.Name(one.state)]
               for one in recharges.recharges]),
        table(["payment", "amount"],
              [[one.ordinal, text_of(one.amount)] for one in payments.payments]),
        table(["receipt", "amount"],
              [[one.number, text_of(one.amount)] for one in receipts.receipts]),
        table(["user", "plan"], [[one.user_id, one.plan_id] for one in users.users]),
        table(["user", "would save on", "a month"],
              [[one.user_id, one.plan_id, text_of(one.saving)] for one in advice.plan_advice])])


def draw_history(ask, now):
    month = {"account_id": ACCOUNT, "start_from": at(now - datetime.timedelta(days=30)),
             "start_before": at(now + datetime.timedelta(days=1))}
    page = ask.ListUsage(accounts.ListUsageRequest(page_size=50, **month))
    abroad = ask.ListUsage(accounts.ListUsageRequest(page_size=50, country="GB", **month))
    days = ask.SummarizeUsage(accounts.SummarizeUsageRequest(
        group_by=[accounts.USAGE_GROUPING_DAY], **month))
    countries = ask.SummarizeUsage(accounts.SummarizeUsageRequest(
        group_by=[accounts.USAGE_GROUPING_COUNTRY, accounts.USAGE_GROUPING_USER], **month))
    if len(page.usage_records) != 50 or len(abroad.usage_records) != 50:
        sys.exit(f"pages of {len(page.usage_records)} and {len(abroad.usage_records)} usages")
    # All began within the month.
    for sums in (days, countries):
        if sum(one.usages for one in sums.summaries) != CALLS:
            sys.exit(f"the sums are of {sum(one.usages for one in sums.summaries)} calls")

    def lines(records):
        return [[one.usage.start_time.ToDatetime(), one.usage.call.destination,
                 one.usage.call.duration.seconds, text_of(one.cost)] for one in records]
    head = ["begun", "number", "seconds", "cost"]
    return "".join([
        "<h1>Call history</h1>", table(head, lines(page.usage_records)),
        table(head, lines(abroad.usage_records)),
        table(["day", "calls", "cost"],
              [[one.day, one.usages, text_of(one.cost)] for one in days.summaries]),
        table(["country", "user", "calls", "cost"],
              [[one.country, one.user_id, one.usages, text_of(one.cost)]
               for one in countries.summaries])])


def main(ledger, folder):
    channel = grpc.insecure_channel(ledger)
    now = datetime.datetime.utcnow().replace(microsecond=0)
    book(channel, now)
    late = False
    for name, draw in (("billing", draw_billing), ("history", lambda ask: draw_history(ask, now))):
        times = []
        for _ in range(ROUNDS):
            ask = Counted(channel)
            begun = time.monotonic()
            page = draw(ask)
            times.append(time.monotonic() - begun)
        middle = statistics.median(times)
        with open(os.path.join(folder, name + ".html"), "w", encoding="utf-8") as file:
            file.write(page)
        print(f"{name}: {ask.asked} calls, {middle * 1000:.0f} ms in the middle of {ROUNDS}, "
              f"{min(times) * 1000:.0f} to {max(times) * 1000:.0f}")
        if ask.asked > MOST_RPCS:
            sys.exit(f"{name} takes {ask.asked} calls")
        late |= middle > MOST_SECONDS
    if late:
        sys.exit(f"a page takes more than {MOST_SECONDS * 1000:.0f} ms")


if __name__ == "__main__":
    main(*sys.argv[1:])
