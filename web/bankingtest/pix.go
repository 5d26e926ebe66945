package bankingtest

import (
	"context"
	"slices"
	"strings"

	"codebank.dev/platform/fault"
	bankv1 "codebank.dev/schemas/gen/bank/v1"
	statementv1 "codebank.dev/schemas/gen/statement/v1"
	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// ForeignKey is a key of an account of another bank, and ForeignCode a code that asks for 42.90 into it.
const (
	ForeignKey  = "joao@example.com"
	ForeignCode = "00020126380014br.gov.bcb.pix0116joao@example.com520400005303986540542.905802BR5904Joao6008Brasilia62070503***6304ABCD"
)

// foreignAmount is that of ForeignCode.
const foreignAmount = 4290

// masked is how the holder of ForeignKey is shown.
const masked = "J*** d** S***"

type pix struct {
	bankv1.UnimplementedPixServiceServer
	*World
}

// Complete decides all payments that are pending.
func (w *World) Complete() {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	for _, one := range w.payments {
		if one.GetState() == bankv1.PixState_PIX_STATE_PENDING {
			one.State = bankv1.PixState_PIX_STATE_COMPLETED
		}
	}
}

var errNoKey = fault.New(fault.NotFound, "PIX_KEY_NOT_FOUND", "Nobody has this key.").In("key")

func (s *pix) LookUpKey(ctx context.Context, in *bankv1.LookUpKeyRequest) (*bankv1.LookUpKeyResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "account", in.GetAccount()); err != nil {
		return nil, err
	}
	if in.GetKey() != ForeignKey {
		return nil, errNoKey
	}
	return &bankv1.LookUpKeyResponse{
		Kind: bankv1.PixKeyKind_PIX_KEY_KIND_EMAIL, HolderName: masked, HolderDocument: "***.456.***-**", BankCode: "002", BankName: "Banco Aurora",
	}, nil
}

func (s *pix) ParsePixCode(ctx context.Context, in *bankv1.ParsePixCodeRequest) (*bankv1.ParsePixCodeResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "account", in.GetAccount()); err != nil {
		return nil, err
	}
	if in.GetCode() != ForeignCode {
		return nil, fault.Invalid("code", "This is no BR Code.")
	}
	return &bankv1.ParsePixCodeResponse{
		Kind: bankv1.PixCodeKind_PIX_CODE_KIND_STATIC, HolderName: masked, HolderDocument: "***.456.***-**", BankCode: "002",
		BankName: "Banco Aurora", AmountMinor: foreignAmount, Currency: "BRL",
	}, nil
}

func (s *pix) SendPix(ctx context.Context, in *bankv1.SendPixRequest) (*bankv1.SendPixResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	from, err := s.own(ctx, "account", in.GetAccount())
	if err != nil {
		return nil, err
	}
	if in.GetKey() != ForeignKey && in.GetCode() != ForeignCode {
		return nil, errNoKey
	}
	return once(s.World, in.GetRequestId(), in, func() (*bankv1.SendPixResponse, error) {
		minor := in.GetAmountMinor()
		if minor == 0 {
			minor = foreignAmount
		}
		made := &bankv1.Pix{
			Name: "pix/E" + strings.ReplaceAll(newID(), "-", "")[:31], Account: in.GetAccount(), Direction: bankv1.PixDirection_PIX_DIRECTION_SENT,
			State: bankv1.PixState_PIX_STATE_PENDING, AmountMinor: minor, Currency: in.GetCurrency(), CounterpartyName: masked,
			CounterpartyBankCode: "002", Description: in.GetDescription(), CreateTime: timestamppb.New(s.now()),
		}
		s.payments[made.GetName()] = made
		if from.GetAvailableMinor() < minor {
			made.State, made.Reason = bankv1.PixState_PIX_STATE_REJECTED, "INSUFFICIENT_FUNDS"
			made.Decline = &bankv1.Decline{Reason: bankv1.DeclineReason_DECLINE_REASON_INSUFFICIENT_FUNDS, Message: "The available limit does not cover this amount."}
			return &bankv1.SendPixResponse{Pix: proto.CloneOf(made)}, nil
		}
		s.moved++
		s.post(from, &statementv1.Line{
			Kind: statementv1.LineKind_LINE_KIND_PIX_OUT, Direction: statementv1.LineDirection_LINE_DIRECTION_DEBIT, AmountMinor: minor,
			CounterpartyName: masked, CounterpartyBankCode: "002", EndToEndId: made.GetName()[len("pix/"):],
		})
		return &bankv1.SendPixResponse{Pix: proto.CloneOf(made)}, nil
	})
}

func (s *pix) GetPix(ctx context.Context, in *bankv1.GetPixRequest) (*bankv1.GetPixResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	found := s.payments[in.GetName()]
	if found == nil {
		return nil, fault.New(fault.NotFound, "PIX_NOT_FOUND", "There is no such payment.")
	}
	if _, err := s.own(ctx, "name", found.GetAccount()); err != nil {
		return nil, err
	}
	return &bankv1.GetPixResponse{Pix: proto.CloneOf(found)}, nil
}

func (s *pix) CreateKey(ctx context.Context, in *bankv1.CreateKeyRequest) (*bankv1.CreateKeyResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "account", in.GetAccount()); err != nil {
		return nil, err
	}
	return once(s.World, in.GetRequestId(), in, func() (*bankv1.CreateKeyResponse, error) {
		made := &bankv1.PixKey{Kind: in.GetKind(), Key: in.GetKey(), Account: in.GetAccount(), State: bankv1.PixKeyState_PIX_KEY_STATE_PENDING}
		if in.GetKind() == bankv1.PixKeyKind_PIX_KEY_KIND_RANDOM {
			made.Key, made.State = newID(), bankv1.PixKeyState_PIX_KEY_STATE_ACTIVE
		}
		s.keys = append(s.keys, made)
		return &bankv1.CreateKeyResponse{Key: proto.CloneOf(made)}, nil
	})
}

// KeyCode is the code that is sent to every key.
const KeyCode = "123456"

func (s *pix) ConfirmKey(ctx context.Context, in *bankv1.ConfirmKeyRequest) (*bankv1.ConfirmKeyResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "account", in.GetAccount()); err != nil {
		return nil, err
	}
	for _, one := range s.keys {
		if one.GetKey() == in.GetKey() && one.GetAccount() == in.GetAccount() {
			if in.GetCode() != KeyCode {
				return nil, fault.Invalid("code", "The code is wrong.")
			}
			one.State = bankv1.PixKeyState_PIX_KEY_STATE_ACTIVE
			return &bankv1.ConfirmKeyResponse{Key: proto.CloneOf(one)}, nil
		}
	}
	return nil, errNoKey
}

func (s *pix) ListKeys(ctx context.Context, in *bankv1.ListKeysRequest) (*bankv1.ListKeysResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "account", in.GetAccount()); err != nil {
		return nil, err
	}
	answer := &bankv1.ListKeysResponse{}
	for _, one := range s.keys {
		if one.GetAccount() == in.GetAccount() {
			answer.Keys = append(answer.Keys, proto.CloneOf(one))
		}
	}
	return answer, nil
}

func (s *pix) DeleteKey(ctx context.Context, in *bankv1.DeleteKeyRequest) (*bankv1.DeleteKeyResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "account", in.GetAccount()); err != nil {
		return nil, err
	}
	return once(s.World, in.GetRequestId(), in, func() (*bankv1.DeleteKeyResponse, error) {
		s.keys = slices.DeleteFunc(s.keys, func(one *bankv1.PixKey) bool {
			return one.GetKey() == in.GetKey() && one.GetAccount() == in.GetAccount()
		})
		return &bankv1.DeleteKeyResponse{}, nil
	})
}

func (s *pix) CreatePixCode(ctx context.Context, in *bankv1.CreatePixCodeRequest) (*bankv1.CreatePixCodeResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.own(ctx, "account", in.GetAccount()); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(s.keys, func(one *bankv1.PixKey) bool { return one.GetAccount() == in.GetAccount() }) {
		return nil, fault.New(fault.FailedPrecondition, "NO_PIX_KEY", "The account has no active key.")
	}
	return once(s.World, in.GetRequestId(), in, func() (*bankv1.CreatePixCodeResponse, error) {
		made := &bankv1.PixCode{
			Name: "codes/" + newID(), Account: in.GetAccount(), Kind: in.GetKind(), State: bankv1.PixCodeState_PIX_CODE_STATE_ACTIVE,
			Text: "00020126360014br.gov.bcb.pix0114maria@b.example5204000053039865802BR5905Maria6304FFFF", AmountMinor: in.GetAmountMinor(),
			Currency: "BRL", Message: in.GetMessage(), CreateTime: timestamppb.New(s.now()),
		}
		s.codes = append(s.codes, made)
		return &bankv1.CreatePixCodeResponse{Code: proto.CloneOf(made)}, nil
	})
}

func (s *pix) GetPixCode(ctx context.Context, in *bankv1.GetPixCodeRequest) (*bankv1.GetPixCodeResponse, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.codes {
		if _, err := s.own(ctx, "name", one.GetAccount()); err == nil && one.GetName() == in.GetName() {
			return &bankv1.GetPixCodeResponse{Code: proto.CloneOf(one)}, nil
		}
	}
	return nil, fault.New(fault.NotFound, "PIX_CODE_NOT_FOUND", "There is no such code.")
}

func (s *pix) GetPixCodePicture(ctx context.Context, in *bankv1.GetPixCodePictureRequest) (*httpbody.HttpBody, error) {
	if _, err := s.GetPixCode(ctx, &bankv1.GetPixCodeRequest{Name: in.GetName()}); err != nil {
		return nil, err
	}
	picture := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><path d="M0 0h3v3H0zM5 0h3v3H5zM0 5h3v3H0zM4 4h1v1H4zM6 6h2v1H6z"/></svg>`
	return &httpbody.HttpBody{ContentType: "image/svg+xml", Data: []byte(picture)}, nil
}
