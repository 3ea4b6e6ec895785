"""A client in Python that knows nothing of Reserve but its .proto files: money, durations and the
details of errors are those of the public packages. It checks what it reads, and says what is wrong.

client.py ADDRESS
"""

import sys
import threading

import grpc
from google.protobuf import field_mask_pb2
from google.rpc import error_details_pb2
from google.type import money_pb2
from grpc_status import rpc_status

from reserve.ledger.v1 import accounts_pb2, accounts_pb2_grpc, ledger_pb2, ledger_pb2_grpc
from reserve.ledger.v1 import rates_pb2_grpc, recharges_pb2, recharges_pb2_grpc, resources_pb2
from reserve.ledger.v1 import support_pb2, support_pb2_grpc

DEADLINE = 60
IMPORTS = 5  # one more than a ledger takes at a time

failures = 0


def check(what, right, got):
    global failures
    if not right:
        failures += 1
        print(f"{what}: got {got}")


def usd(units, nanos=0):
    return money_pb2.Money(currency_code="USD", units=units, nanos=nanos)


def detail(status, kind):
    found = kind()
    for one in status.details:
        one.Unpack(found)
    return found


def refusal(call, request):
    try:
        call(request, timeout=DEADLINE)
    except grpc.RpcError as error:
        return rpc_status.from_call(error)
    sys.exit(f"not refused: {request}")


def check_error(what, status, code, reason, field):
    check(f"{what}: code", status.code == code.value[0], status)
    info = detail(status, error_details_pb2.ErrorInfo)
    check(f"{what}: reason", info.reason == reason, info)
    check(f"{what}: domain", info.domain == "reserve.ledger", info)
    named = [v.field for v in detail(status, error_details_pb2.BadRequest).field_violations
             if v.description]
    check(f"{what}: field", named == ([field] if field else []), named)


def accounts_and_money(channel):
    accounts = accounts_pb2_grpc.AccountsStub(channel)
    account = accounts.OpenAccount(accounts_pb2.OpenAccountRequest(account_id="python"),
                                   timeout=DEADLINE)
    check("reserve amount", account.billing_settings.reserve_amount == usd(15), account)
    settings = accounts.UpdateBillingSettings(
        accounts_pb2.UpdateBillingSettingsRequest(
            account_id="python",
            billing_settings=resources_pb2.BillingSettings(
                reserve_amount=usd(99), recharge_threshold=usd(10, 500_000_000)),
            update_mask=field_mask_pb2.FieldMask(paths=["recharge_threshold"])),
        timeout=DEADLINE)
    check("threshold", settings.recharge_threshold == usd(10, 500_000_000), settings)
    check("reserve amount, not named", settings.reserve_amount == usd(15), settings)
    entry = support_pb2_grpc.SupportStub(channel).AdjustBalance(
        support_pb2.AdjustBalanceRequest(account_id="python", request_id="taken", reason="a test",
                                         amount=usd(-1, -250_000_000)),
        timeout=DEADLINE)
    check("amount taken", entry.amount == usd(-1, -250_000_000), entry)


def errors(channel):
    accounts = accounts_pb2_grpc.AccountsStub(channel)
    check_error("unknown account",
                refusal(accounts.GetAccount, accounts_pb2.GetAccountRequest(account_id="nobody")),
                grpc.StatusCode.NOT_FOUND, "ACCOUNT_NOT_FOUND", "account_id")
    low = accounts_pb2.UpdateBillingSettingsRequest(
        account_id="python",
        billing_settings=resources_pb2.BillingSettings(reserve_amount=usd(14)))
    check_error("low reserve amount", refusal(accounts.UpdateBillingSettings, low),
                grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD",
                "billing_settings.reserve_amount")
    text = resources_pb2.Sms(direction=resources_pb2.DIRECTION_OUTBOUND, destination="1",
                             segments=1)
    usage = resources_pb2.Usage(usage_id="u-1", user_id="nobody", sms=text)
    usage.start_time.GetCurrentTime()
    batch = ledger_pb2_grpc.LedgerStub(channel).BatchRecordUsage(
        ledger_pb2.BatchRecordUsageRequest(
            requests=[ledger_pb2.RecordUsageRequest(account_id="python", usage=usage)]),
        timeout=DEADLINE)
    check_error("in a batch", batch.results[0].error, grpc.StatusCode.INVALID_ARGUMENT,
                "INVALID_FIELD", "usage.sms.destination")


def retries(channel):
    """The ledger takes four imports at a time, and tells the fifth when to come again."""
    rates = rates_pb2_grpc.RatesStub(channel)
    done = threading.Event()
    refused = []

    def nothing_yet():
        done.wait()
        yield from ()

    def ended(call):
        if not done.is_set():
            refused.append(call)
            done.set()

    calls = [rates.ImportRateDeck.future(nothing_yet(), timeout=DEADLINE) for _ in range(IMPORTS)]
    for call in calls:
        call.add_done_callback(ended)
    if not done.wait(DEADLINE):
        sys.exit("no import was refused")
    for call in calls:
        call.cancel()
    status = rpc_status.from_call(refused[0])
    check_error("one import too many", status, grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED", "")
    wait = detail(status, error_details_pb2.RetryInfo).retry_delay
    check("wait", wait.ToSeconds() == 1, wait)


def durations(channel):
    accounts_pb2_grpc.AccountsStub(channel).OpenAccount(
        accounts_pb2.OpenAccountRequest(account_id="python-card", card_token="tok_visa"),
        timeout=DEADLINE)
    stream = recharges_pb2_grpc.RechargesStub(channel).WatchLowBalance(
        recharges_pb2.WatchLowBalanceRequest(worker_id="python"), timeout=DEADLINE)
    task = next(stream)
    stream.cancel()
    check("to be charged", task.amount == usd(15), task.amount)
    check("lease", 20 < task.lease.remaining.ToTimedelta().total_seconds() <= 30, task.lease)


def main():
    with grpc.insecure_channel(sys.argv[1]) as channel:
        accounts_and_money(channel)
        errors(channel)
        retries(channel)
        durations(channel)
    if failures:
        sys.exit(1)
    print("all is as it should be")


if __name__ == "__main__":
    main()
