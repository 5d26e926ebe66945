package main

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	bankv1 "codebank.dev/schemas/gen/bank/v1"
	codepixv1 "codebank.dev/schemas/gen/codepix/v1"
)

// pixHub is a hub that has two payments: one is on its way, and one was rejected.
type pixHub struct {
	codepixv1.UnimplementedPaymentServiceServer
	payments []*codepixv1.Payment
}

const (
	onItsWay = "E00000001AAAAAAAAAAAAAAAAAAAAAAA"
	rejected = "E00000001BBBBBBBBBBBBBBBBBBBBBBB"
)

func newPixHub() *pixHub {
	began := time.Now().Add(-90 * time.Second)
	return &pixHub{payments: []*codepixv1.Payment{
		{
			Name: "payments/" + onItsWay, State: codepixv1.PaymentState_PAYMENT_STATE_PENDING, SenderBankCode: "001", ReceiverBankCode: "002",
			AmountMinor: 1050, Currency: "BRL", InitiateTime: timestamppb.New(began), Attempts: 4, NextAttemptTime: timestamppb.New(began.Add(2 * time.Minute)),
		},
		{
			Name: "payments/" + rejected, State: codepixv1.PaymentState_PAYMENT_STATE_REJECTED, SenderBankCode: "001", ReceiverBankCode: "003",
			AmountMinor: 7, Currency: "BRL", Reason: "UNKNOWN_BANK", InitiateTime: timestamppb.New(began), EndTime: timestamppb.New(began.Add(2 * time.Second)),
		},
	}}
}

func (h *pixHub) GetPayment(_ context.Context, in *codepixv1.GetPaymentRequest) (*codepixv1.GetPaymentResponse, error) {
	for _, p := range h.payments {
		if p.GetName() == in.GetName() {
			return &codepixv1.GetPaymentResponse{Payment: p}, nil
		}
	}
	return nil, grpcstatus.Error(codes.NotFound, "There is no such payment.")
}

// ListPayments leaves the attempts out, as the hub does.
func (h *pixHub) ListPayments(_ context.Context, in *codepixv1.ListPaymentsRequest) (*codepixv1.ListPaymentsResponse, error) {
	answer := &codepixv1.ListPaymentsResponse{}
	for _, p := range h.payments {
		if in.GetOpenOnly() && p.GetEndTime() != nil || in.GetBankCode() != "" && in.GetBankCode() != p.GetSenderBankCode() && in.GetBankCode() != p.GetReceiverBankCode() {
			continue
		}
		answer.Payments = append(answer.Payments, &codepixv1.Payment{
			Name: p.GetName(), State: p.GetState(), SenderBankCode: p.GetSenderBankCode(), ReceiverBankCode: p.GetReceiverBankCode(),
			AmountMinor: p.GetAmountMinor(), Currency: p.GetCurrency(), Reason: p.GetReason(), InitiateTime: p.GetInitiateTime(), EndTime: p.GetEndTime(),
		})
		if len(answer.GetPayments()) == int(in.GetPageSize()) {
			answer.NextPageToken = "more"
			break
		}
	}
	return answer, nil
}

// pixBank is a bank that refuses what it is asked to resolve, and lacks one key.
type pixBank struct {
	bankv1.UnimplementedPixServiceServer
	mended bool
}

func (b *pixBank) ResolvePix(_ context.Context, in *bankv1.ResolvePixRequest) (*bankv1.ResolvePixResponse, error) {
	return &bankv1.ResolvePixResponse{Pix: &bankv1.Pix{Name: in.GetName(), State: bankv1.PixState_PIX_STATE_REJECTED, Reason: "RESOLVED"}}, nil
}

func (b *pixBank) ReconcileKeys(_ context.Context, in *bankv1.ReconcileKeysRequest) (*bankv1.ReconcileKeysResponse, error) {
	if b.mended {
		return &bankv1.ReconcileKeysResponse{}, nil
	}
	b.mended = !in.GetValidateOnly()
	return &bankv1.ReconcileKeysResponse{Added: []*bankv1.PixKey{{
		Kind: bankv1.PixKeyKind_PIX_KEY_KIND_EMAIL, Key: "ana@example.com", Account: "accounts/0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f",
	}}}, nil
}

// servePix serves the hub and the bank at one address.
func servePix(t *testing.T) string {
	t.Helper()
	server := grpc.NewServer()
	codepixv1.RegisterPaymentServiceServer(server, newPixHub())
	bankv1.RegisterPixServiceServer(server, new(pixBank))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		require.NoError(t, <-ended)
	})
	return listener.Addr().String()
}

func TestPaymentsWithoutAnEndAreListedWithAgeAndAttempts(t *testing.T) {
	hub := "--codepix-address=" + servePix(t)
	code, stdout, stderr := bankctl(t, "pix", "list", hub)
	require.Zero(t, code, stderr)
	require.Regexp(t, `END-TO-END ID +STATE +FROM +TO +AMOUNT +AGE +ATTEMPTS +REASON`, stdout)
	require.Regexp(t, onItsWay+` +PENDING +001 +002 +1050 BRL +1m3\ds +4`, stdout)
	require.NotContains(t, stdout, rejected)

	_, stdout, _ = bankctl(t, "pix", "list", hub, "--all", "--of=003")
	require.NotContains(t, stdout, onItsWay)
	require.Regexp(t, rejected+` +REJECTED +001 +003 +7 BRL +2s +0 +UNKNOWN_BANK`, stdout)
	_, stdout, _ = bankctl(t, "pix", "list", hub, "--all", "--limit=1")
	require.Contains(t, stdout, "There are more: raise --limit.\n")
	code, _, stderr = bankctl(t, "pix", "list", hub, "--limit=0")
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "--limit: 1 to 1000 payments are listed")

	code, stdout, stderr = bankctl(t, "pix", "get", rejected, hub, "-o", "json")
	require.Zero(t, code, stderr)
	require.JSONEq(t, `{"end_to_end_id":"`+rejected+`","state":"REJECTED","sender_bank_code":"001","receiver_bank_code":"003","amount_minor":7,
		"currency":"BRL","reason":"UNKNOWN_BANK","age_seconds":2,"attempts":0}`, stdout)
	code, _, stderr = bankctl(t, "pix", "get", strings.Replace(onItsWay, "A", "C", 1), hub)
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "There is no such payment.")
}

func TestAPaymentIsResolvedAndKeysAreReconciledAtABank(t *testing.T) {
	bank := "--bank-address=" + servePix(t)
	code, stdout, stderr := bankctl(t, "pix", "resolve", onItsWay, bank)
	require.Zero(t, code, stderr)
	require.Equal(t, onItsWay+" is REJECTED at the receiving bank\n", stdout)
	_, stdout, _ = bankctl(t, "pix", "resolve", onItsWay, bank, "-o", "json")
	require.JSONEq(t, `{"end_to_end_id":"`+onItsWay+`","state":"REJECTED","reason":"RESOLVED"}`, stdout)

	for range 2 {
		code, stdout, stderr = bankctl(t, "pix", "reconcile", "--dry-run", bank)
		require.Equal(t, exitFailed, code)
		require.Regexp(t, `to add +EMAIL +ana@example.com`, stdout)
		require.Contains(t, stderr, "the keys of the bank and of the hub differ")
	}
	code, stdout, stderr = bankctl(t, "pix", "reconcile", bank)
	require.Zero(t, code, stderr)
	require.Regexp(t, `added +EMAIL +ana@example.com +accounts/0190d3a0-1c1f-7b6e-8000-1a2b3c4d5e6f`, stdout)
	_, stdout, _ = bankctl(t, "pix", "reconcile", bank)
	require.Equal(t, "the keys of the bank are those of the hub\n", stdout)
	code, stdout, stderr = bankctl(t, "pix", "reconcile", "--dry-run", bank)
	require.Zero(t, code, stderr)
	require.Equal(t, "the keys of the bank are those of the hub\n", stdout)
}
