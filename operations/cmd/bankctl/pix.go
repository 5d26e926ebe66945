package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

// pixSettings are the flags of the commands about payments between banks.
type pixSettings struct {
	hub, bank string
	of        string
	all       bool
	limit     int
	dryRun    bool
}

func newPix(app *application) *cobra.Command {
	return group("pix", "Payments between banks: what has no end yet, and how to end it",
		newPixList(app), newPixGet(app), newPixResolve(app), newPixReconcile(app))
}

func (s *pixSettings) bindHub(command *cobra.Command) {
	command.Flags().StringVar(&s.hub, "codepix-address", "127.0.0.1:17006", "`host:port` of the gRPC of the hub between banks")
}

func (s *pixSettings) bindBank(command *cobra.Command) {
	command.Flags().StringVar(&s.bank, "bank-address", "127.0.0.1:17000", "`host:port` of the bank's gRPC")
}

// place is a program that the commands call: its address, the flag that says it, and its name.
type place struct{ address, flag, program string }

func (s *pixSettings) hubPlace() place  { return place{s.hub, "codepix-address", "codepix"} }
func (s *pixSettings) bankPlace() place { return place{s.bank, "bank-address", "bank"} }

// atPlace calls a program within --timeout. An error of call is one of the command with this name.
func (a *application) atPlace(ctx context.Context, command string, at place, call func(context.Context, grpc.ClientConnInterface) error) error {
	limited, cancel := a.limited(ctx)
	defer cancel()
	conn, err := a.dial(at.address, at.program)
	if err != nil {
		return misused(at.flag, err)
	}
	defer conn.Close()
	if err := call(limited, conn); err != nil {
		return fmt.Errorf("%s: %w", command, a.unencrypted(err))
	}
	return nil
}

func newPixList(app *application) *cobra.Command {
	var s pixSettings
	command := &cobra.Command{
		Use:   "list",
		Short: "List payments without an end, the newest first, with their age and how often the hub has sent them",
		Long: `List what the hub knows of payments between banks that are neither completed nor
rejected. The amount stays held until the receiving bank answers; nothing ends such a
payment by time. Attempts say how often the hub has sent again what it waits for.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error { return app.listPix(ctx, &s) }),
	}
	s.bindHub(command)
	command.Flags().StringVar(&s.of, "of", "", "`code` of a bank: only payments in which it takes part")
	command.Flags().BoolVar(&s.all, "all", false, "also those that have ended")
	command.Flags().IntVar(&s.limit, "limit", 100, "the most payments to list, 1 to 1000")
	return command
}

func newPixGet(app *application) *cobra.Command {
	var s pixSettings
	command := &cobra.Command{
		Use:   "get END-TO-END-ID",
		Short: "Show what the hub knows of a payment",
		Args:  cobra.ExactArgs(1),
		RunE:  work(func(ctx context.Context, args []string) error { return app.getPix(ctx, &s, args[0]) }),
	}
	s.bindHub(command)
	return command
}

func newPixResolve(app *application) *cobra.Command {
	var s pixSettings
	command := &cobra.Command{
		Use:   "resolve END-TO-END-ID --bank-address HOST:PORT",
		Short: "Let the receiving bank say for good whether it credits a payment",
		Long: `Ask the bank that was to receive a payment to end it. Unless it has credited the
payment, it enters that it never will, and the hub hears so: the sender's amount is
released. If it has credited it, the hub hears that again, and the sender's amount is
captured. A repeat gets the same answer. The address is that of the receiving bank.`,
		Args: cobra.ExactArgs(1),
		RunE: work(func(ctx context.Context, args []string) error { return app.resolvePix(ctx, &s, args[0]) }),
	}
	s.bindBank(command)
	return command
}

func newPixReconcile(app *application) *cobra.Command {
	var s pixSettings
	command := &cobra.Command{
		Use:   "reconcile [--dry-run]",
		Short: "Compare a bank's keys with the hub's, and mend the bank's",
		Long: `Compare the keys of a bank with those that the hub has of it, by their digests. What
differs is listed, and the bank takes what the hub says, which has the last word on who
owns a key. A second run finds nothing. With --dry-run, what differs is listed and
nothing is mended; the status is 1 if anything differs.`,
		Args: cobra.NoArgs,
		RunE: work(func(ctx context.Context, _ []string) error { return app.reconcilePix(ctx, &s) }),
	}
	s.bindBank(command)
	command.Flags().BoolVar(&s.dryRun, "dry-run", false, "only list what differs")
	return command
}

// paymentLine is a payment as bankctl shows it.
type paymentLine struct {
	EndToEndID  string `json:"end_to_end_id"`
	Original    string `json:"original_end_to_end_id,omitempty"`
	State       string `json:"state"`
	Sender      string `json:"sender_bank_code"`
	Receiver    string `json:"receiver_bank_code"`
	AmountMinor int64  `json:"amount_minor"`
	Currency    string `json:"currency"`
	Reason      string `json:"reason,omitempty"`
	// AgeSeconds is how long it has been without an end, or was until it had one.
	AgeSeconds int64     `json:"age_seconds"`
	Attempts   int32     `json:"attempts"`
	Next       time.Time `json:"next_attempt_time,omitzero"`
}

const (
	paymentPrefix = "payments/"
	statePrefix   = "PAYMENT_STATE_"
	mostListed    = 1000
)

func lineOf(p *codepixv1.Payment, now time.Time) paymentLine {
	end := now
	if p.GetEndTime() != nil {
		end = p.GetEndTime().AsTime()
	}
	return paymentLine{
		EndToEndID: strings.TrimPrefix(p.GetName(), paymentPrefix), Original: strings.TrimPrefix(p.GetOriginal(), paymentPrefix), State: strings.TrimPrefix(p.GetState().String(), statePrefix),
		Sender: p.GetSenderBankCode(), Receiver: p.GetReceiverBankCode(), AmountMinor: p.GetAmountMinor(), Currency: p.GetCurrency(), Reason: p.GetReason(),
		AgeSeconds: int64(end.Sub(p.GetInitiateTime().AsTime()) / time.Second), Attempts: p.GetAttempts(), Next: timeOf(p.GetNextAttemptTime()),
	}
}

func timeOf(stamp *timestamppb.Timestamp) time.Time {
	if stamp == nil {
		return time.Time{}
	}
	return stamp.AsTime()
}

func (a *application) listPix(ctx context.Context, s *pixSettings) error {
	if s.limit < 1 || s.limit > mostListed {
		return misused("limit", errors.New("1 to 1000 payments are listed"))
	}
	var lines []paymentLine
	more := false
	err := a.atPlace(ctx, "pix list", s.hubPlace(), func(ctx context.Context, conn grpc.ClientConnInterface) (err error) {
		lines, more, err = listed(ctx, codepixv1.NewPaymentServiceClient(conn), s)
		return err
	})
	if err != nil {
		return err
	}
	return a.printPayments(lines, more)
}

// listed asks the hub for payments, and whether there are more than were asked for.
func listed(ctx context.Context, hub codepixv1.PaymentServiceClient, s *pixSettings) (lines []paymentLine, more bool, err error) {
	page, err := hub.ListPayments(ctx, &codepixv1.ListPaymentsRequest{BankCode: s.of, OpenOnly: !s.all, PageSize: int32(s.limit)})
	if err != nil {
		return nil, false, err
	}
	for _, p := range page.GetPayments() {
		if p.GetEndTime() == nil { // Only a single payment is told with its attempts.
			one, err := hub.GetPayment(ctx, &codepixv1.GetPaymentRequest{Name: p.GetName()})
			if err != nil {
				return nil, false, err
			}
			p = one.GetPayment()
		}
		lines = append(lines, lineOf(p, time.Now()))
	}
	return lines, page.GetNextPageToken() != "", nil
}

func (a *application) printPayments(lines []paymentLine, more bool) error {
	if a.printer().JSON() {
		for i := range lines {
			if err := a.printer().Object(&lines[i]); err != nil {
				return err
			}
		}
		return nil
	}
	rows := make([][]string, 0, len(lines))
	for _, l := range lines {
		rows = append(rows, []string{
			l.EndToEndID, l.State, l.Sender, l.Receiver, strconv.FormatInt(l.AmountMinor, 10) + " " + l.Currency,
			(time.Duration(l.AgeSeconds) * time.Second).String(), strconv.FormatInt(int64(l.Attempts), 10), l.Reason,
		})
	}
	if err := a.printer().Table([]string{"END-TO-END ID", "STATE", "FROM", "TO", "AMOUNT", "AGE", "ATTEMPTS", "REASON"}, rows); err != nil {
		return err
	}
	if more {
		return a.printer().Text("There are more: raise --limit.\n")
	}
	return nil
}

func (a *application) getPix(ctx context.Context, s *pixSettings, endToEnd string) error {
	var line paymentLine
	err := a.atPlace(ctx, "pix get", s.hubPlace(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
		found, err := codepixv1.NewPaymentServiceClient(conn).GetPayment(ctx, &codepixv1.GetPaymentRequest{Name: paymentPrefix + endToEnd})
		line = lineOf(found.GetPayment(), time.Now())
		return err
	})
	if err != nil {
		return err
	}
	return a.printPayments([]paymentLine{line}, false)
}

func (a *application) resolvePix(ctx context.Context, s *pixSettings, endToEnd string) error {
	var resolved *bankv1.Pix
	err := a.atPlace(ctx, "pix resolve", s.bankPlace(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
		answer, err := bankv1.NewPixServiceClient(conn).ResolvePix(ctx, &bankv1.ResolvePixRequest{Name: "pix/" + endToEnd})
		resolved = answer.GetPix()
		return err
	})
	if err != nil {
		return err
	}
	state := strings.TrimPrefix(resolved.GetState().String(), "PIX_STATE_")
	if a.printer().JSON() {
		return a.printer().Object(map[string]string{"end_to_end_id": endToEnd, "state": state, "reason": resolved.GetReason()})
	}
	return a.printer().Text(endToEnd + " is " + state + " at the receiving bank\n")
}

// keyLine is a key that differed.
type keyLine struct {
	Action  string `json:"action"`
	Kind    string `json:"kind"`
	Key     string `json:"key"`
	Account string `json:"account"`
}

var errKeysDiffer = errors.New("the keys of the bank and of the hub differ")

func (a *application) reconcilePix(ctx context.Context, s *pixSettings) error {
	added, removed := "added", "removed"
	if s.dryRun {
		added, removed = "to add", "to remove"
	}
	var lines []keyLine
	err := a.atPlace(ctx, "pix reconcile", s.bankPlace(), func(ctx context.Context, conn grpc.ClientConnInterface) error {
		answer, err := bankv1.NewPixServiceClient(conn).ReconcileKeys(ctx, &bankv1.ReconcileKeysRequest{ValidateOnly: s.dryRun})
		lines = append(keyLines(added, answer.GetAdded()), keyLines(removed, answer.GetRemoved())...)
		return err
	})
	if err == nil {
		err = a.printKeys(lines)
	}
	if err == nil && s.dryRun && len(lines) > 0 {
		err = errKeysDiffer
	}
	return err
}

func (a *application) printKeys(lines []keyLine) error {
	if a.printer().JSON() {
		for i := range lines {
			if err := a.printer().Object(&lines[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(lines) == 0 {
		return a.printer().Text("the keys of the bank are those of the hub\n")
	}
	rows := make([][]string, 0, len(lines))
	for _, l := range lines {
		rows = append(rows, []string{l.Action, l.Kind, l.Key, l.Account})
	}
	return a.printer().Table([]string{"ACTION", "KIND", "KEY", "ACCOUNT"}, rows)
}

func keyLines(action string, keys []*bankv1.PixKey) []keyLine {
	var lines []keyLine
	for _, key := range keys {
		lines = append(lines, keyLine{Action: action, Kind: strings.TrimPrefix(key.GetKind().String(), "PIX_KEY_KIND_"), Key: key.GetKey(), Account: key.GetAccount()})
	}
	return lines
}
