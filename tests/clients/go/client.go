// A client in Go that knows nothing of Reserve but its .proto files: money, durations and the
// details of errors are those of the public packages. It checks what it reads, and says what is
// wrong.
//
//	client ADDRESS
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	pb "reserve/ledger/v1"
)

// One more than a ledger takes at a time.
const imports = 5

var failures int

func check(what string, right bool, got any) {
	if right {
		return
	}
	failures++
	fmt.Printf("%s: got %v\n", what, got)
}

func must[T any](what string) func(T, error) T {
	return func(value T, err error) T {
		if err != nil {
			fmt.Printf("%s: %v\n", what, err)
			os.Exit(1)
		}
		return value
	}
}

func detail[T any](s *status.Status) (found T) {
	for _, any := range s.Details() {
		if one, ok := any.(T); ok {
			found = one
		}
	}
	return found
}

func isMoney(amount *money.Money, units int64, nanos int32) bool {
	return amount.GetCurrencyCode() == "USD" && amount.GetUnits() == units && amount.GetNanos() == nanos
}

func checkError(what string, s *status.Status, code codes.Code, reason string, field string) {
	check(what+": code", s.Code() == code, s)
	info := detail[*errdetails.ErrorInfo](s)
	check(what+": reason", info.GetReason() == reason, info)
	check(what+": domain", info.GetDomain() == "reserve.ledger", info)
	violations := detail[*errdetails.BadRequest](s).GetFieldViolations()
	named := func(v *errdetails.BadRequest_FieldViolation) bool {
		return v.GetField() == field && v.GetDescription() != ""
	}
	check(what+": field", slices.ContainsFunc(violations, named) == (field != ""), violations)
}

func accountsAndMoney(ctx context.Context, accounts pb.AccountsClient, support pb.SupportClient) {
	account := must[*pb.Account]("OpenAccount")(
		accounts.OpenAccount(ctx, &pb.OpenAccountRequest{AccountId: "go"}))
	check("reserve amount", isMoney(account.GetBillingSettings().GetReserveAmount(), 15, 0), account)
	settings := must[*pb.BillingSettings]("UpdateBillingSettings")(
		accounts.UpdateBillingSettings(ctx, &pb.UpdateBillingSettingsRequest{
			AccountId: "go",
			BillingSettings: &pb.BillingSettings{
				ReserveAmount:     &money.Money{CurrencyCode: "USD", Units: 99},
				RechargeThreshold: &money.Money{CurrencyCode: "USD", Units: 10, Nanos: 500_000_000},
			},
			UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"recharge_threshold"}},
		}))
	check("threshold", isMoney(settings.GetRechargeThreshold(), 10, 500_000_000), settings)
	check("reserve amount, not named", isMoney(settings.GetReserveAmount(), 15, 0), settings)
	entry := must[*pb.Entry]("AdjustBalance")(support.AdjustBalance(ctx, &pb.AdjustBalanceRequest{
		AccountId: "go", RequestId: "taken", Reason: "a test",
		Amount: &money.Money{CurrencyCode: "USD", Units: -1, Nanos: -250_000_000},
	}))
	check("amount taken", isMoney(entry.GetAmount(), -1, -250_000_000), entry)
}

func errors(ctx context.Context, accounts pb.AccountsClient, ledger pb.LedgerClient) {
	_, err := accounts.GetAccount(ctx, &pb.GetAccountRequest{AccountId: "nobody"})
	checkError("unknown account", status.Convert(err), codes.NotFound, "ACCOUNT_NOT_FOUND", "account_id")
	_, err = accounts.UpdateBillingSettings(ctx, &pb.UpdateBillingSettingsRequest{
		AccountId:       "go",
		BillingSettings: &pb.BillingSettings{ReserveAmount: &money.Money{Units: 14}},
	})
	checkError("low reserve amount", status.Convert(err), codes.InvalidArgument, "INVALID_FIELD",
		"billing_settings.reserve_amount")
	batch := must[*pb.BatchRecordUsageResponse]("BatchRecordUsage")(
		ledger.BatchRecordUsage(ctx, &pb.BatchRecordUsageRequest{Requests: []*pb.RecordUsageRequest{{
			AccountId: "go",
			Usage: &pb.Usage{
				UsageId: "u-1", UserId: "nobody", StartTime: timestamppb.Now(),
				Kind: &pb.Usage_Sms{Sms: &pb.Sms{
					Direction: pb.Direction_DIRECTION_OUTBOUND, Destination: "1",
					Size: &pb.Sms_Segments{Segments: 1},
				}},
			},
		}}}))
	checkError("in a batch", status.FromProto(batch.GetResults()[0].GetError()), codes.InvalidArgument,
		"INVALID_FIELD", "usage.sms.destination")
}

// The ledger takes four imports at a time, and tells the fifth when to come again.
func retries(ctx context.Context, rates pb.RatesClient) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ends := make(chan error, imports)
	for range imports {
		stream := must[grpc.ClientStreamingClient[pb.ImportRateDeckRequest, pb.ImportRateDeckResponse]](
			"ImportRateDeck")(rates.ImportRateDeck(ctx))
		go func() { ends <- stream.RecvMsg(&pb.ImportRateDeckResponse{}) }()
	}
	refused := status.Convert(<-ends)
	checkError("one import too many", refused, codes.ResourceExhausted, "OVERLOADED", "")
	wait := detail[*errdetails.RetryInfo](refused).GetRetryDelay()
	check("wait", wait.AsDuration() == time.Second, wait)
}

func durations(ctx context.Context, accounts pb.AccountsClient, recharges pb.RechargesClient) {
	must[*pb.Account]("OpenAccount")(
		accounts.OpenAccount(ctx, &pb.OpenAccountRequest{AccountId: "go-card", CardToken: "tok_visa"}))
	stream := must[grpc.ServerStreamingClient[pb.WatchLowBalanceResponse]]("WatchLowBalance")(
		recharges.WatchLowBalance(ctx, &pb.WatchLowBalanceRequest{WorkerId: "go"}))
	task := must[*pb.WatchLowBalanceResponse]("the first recharge")(stream.Recv())
	check("to be charged", isMoney(task.GetAmount(), 15, 0), task.GetAmount())
	lease := task.GetLease().GetRemaining().AsDuration()
	check("lease", lease > 20*time.Second && lease <= 30*time.Second, lease)
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	connection := must[*grpc.ClientConn]("connect")(
		grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials())))
	accounts := pb.NewAccountsClient(connection)
	accountsAndMoney(ctx, accounts, pb.NewSupportClient(connection))
	errors(ctx, accounts, pb.NewLedgerClient(connection))
	retries(ctx, pb.NewRatesClient(connection))
	durations(ctx, accounts, pb.NewRechargesClient(connection))
	if failures > 0 {
		os.Exit(1)
	}
	fmt.Println("all is as it should be")
}
