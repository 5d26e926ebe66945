package rpc

import (
	"context"
	"net/netip"

	"codebank.dev/checkout"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/principal"
	"codebank.dev/platform/serve"
	"google.golang.org/protobuf/proto"
)

// errLiveSecret refuses what a secret for tests may not do. Such secrets lie about in test systems.
var errLiveSecret = fault.New(fault.PermissionDenied, "LIVE_SECRET_REQUIRED", "A test secret changes nothing. Use a live secret.")

// Acts makes acts of calls. Both fields are required.
type Acts struct {
	// Address returns where a call comes from; serve.Server.Address is one.
	Address func(context.Context) netip.Addr
	Clock   checkout.Clock
}

// request is a request for an act.
type request interface {
	proto.Message
	GetRequestId() string
}

// of returns the act that a request asks for. what is the resource that it is done to.
func (a *Acts) of(ctx context.Context, act auditlog.Act, what string, in request) (checkout.Act, error) {
	text, err := proto.MarshalOptions{Deterministic: true}.Marshal(in)
	if err != nil {
		return checkout.Act{}, err
	}
	subject := serve.Principal(ctx)
	who := subject.Kind.String() + " " + subject.Name
	record := auditlog.Record{
		At: a.Clock.Now(), Act: act, WhoKind: subject.Kind.String(), Who: subject.Name, What: what,
		Trace: serve.TraceID(ctx), Result: auditlog.ResultOK,
	}
	if from := a.Address(ctx); from.IsValid() {
		record.Address = from.String()
	}
	return checkout.Act{
		By: actor(ctx), Caller: serve.Caller(ctx), RequestID: in.GetRequestId(),
		Fingerprint: checkout.ActFingerprint([]byte(in.ProtoReflect().Descriptor().FullName()), []byte(who), text), Record: record,
	}, nil
}

// actor returns who makes a call, as merchants know him.
func actor(ctx context.Context) checkout.Actor {
	subject := serve.Principal(ctx)
	switch subject.Kind {
	case principal.Operator:
		return checkout.Actor{Operator: true}
	case principal.User:
		return checkout.Actor{User: subject.UserID()}
	case principal.Merchant:
		return checkout.Actor{Merchant: subject.Name}
	}
	return checkout.Actor{}
}

// live refuses a caller with a secret for tests.
func live(ctx context.Context) error {
	if subject := serve.Principal(ctx); subject.Kind == principal.Merchant && subject.Mode != "live" {
		return errLiveSecret
	}
	return nil
}
