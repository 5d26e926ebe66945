// Package transfer is what customers do with transfers: ask for one, see what became of it, cancel it. A transfer is
// accepted without the bank's decision: it is stored together with a command to the bank, which is sent until the
// bank has said how it ended.
//
//	transfer.go  Service, Accept
//	show.go      Transfer, Transfers, Cancel
//	ending.go    what a result of the bank means for a transfer
package transfer

import (
	"context"
	"errors"
	"time"

	"codebank.dev/gateway"
	"codebank.dev/platform/cache"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
	"codebank.dev/platform/outbox"
	"codebank.dev/schemas/command"
)

// maxMessage is the most characters of a message.
const maxMessage = 140

// knownAccounts is how many accounts a Service remembers.
const knownAccounts = 50_000

// Bank is the bank, asked for the user of the context.
type Bank interface {
	// Account returns an account of the user. fault.NotFound if the user has no such account, fault.Unavailable
	// if the bank cannot be asked.
	Account(ctx context.Context, account id.ID) (gateway.Account, error)
	// Cancel ends a request id of the gateway whose transaction is pending. It returns the reason for which the
	// transaction was declined before, or "" if it is cancelled. Errors: fault.FailedPrecondition NOT_PENDING if
	// the money has moved, fault.NotFound if it is another's, fault.Unavailable if nobody knows.
	Cancel(ctx context.Context, requestID string) (reason string, err error)
}

// Config is what a Service works with. All fields but Wake and Failpoint are required.
type Config struct {
	Store gateway.Store
	Bank  Bank
	// BankCode is the bank's code, three digits.
	BankCode string
	// Key makes the MACs of commands. It must be one for users.
	Key *command.Key
	// Wake is called when a command was committed.
	Wake func()
	// TraceID returns the trace of a call, 32 hexadecimal digits or empty.
	TraceID func(context.Context) string
	// Now is the clock.
	Now func() time.Time
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Service does what customers ask for. Make one with New. It is safe for concurrent use.
type Service struct {
	config Config
	topic  string
	// owned is what the bank has said about accounts to their owners.
	owned *cache.Map[ownership, knownAccount]
}

type ownership struct{ user, account id.ID }

// knownAccount is an account of a user, and when the bank has said so. An operator may give a customer to another
// user, so it counts for ownershipFresh only. While the bank is away it counts for as long as that lasts: the bank
// decides about the command, and asks again whose the account is.
type knownAccount struct {
	gateway.Account
	readAt time.Time
}

const (
	// ownershipFresh is how long the bank is not asked again whose an account is. A replica of the bank, too,
	// may know of a new owner that much later.
	ownershipFresh = 5 * time.Second
	// askTimeout bounds the question if there is an answer from before.
	askTimeout = time.Second
)

// New returns a Service.
func New(config Config) (*Service, error) {
	switch {
	case config.Key == nil || !config.Key.ForUsers || config.Key.Producer != gateway.Namespace:
		return nil, errors.New("transfer: the command key is not one of the producer gateway that is for users")
	case config.Wake == nil:
		config.Wake = func() {}
	}
	return &Service{config: config, topic: CommandsTopic(config.BankCode), owned: cache.New[ownership, knownAccount](knownAccounts)}, nil
}

// CommandsTopic returns the topic of the commands to a bank.
func CommandsTopic(bankCode string) string { return "bank-" + bankCode + ".commands.v1" }

// ResultsTopic returns the topic on which a bank says how commands ended.
func ResultsTopic(bankCode string) string { return "bank-" + bankCode + ".command-results.v1" }

// The refusals of a transfer, with the statuses of the seed: 401 for a source that is not the caller's, 422 for what
// can never be sent.
var (
	errNotOwner = fault.New(fault.Unauthenticated, "SOURCE_NOT_YOURS", "The source account is not one of yours. You are still signed in.").In("from_account_id")
	errSame     = fault.New(fault.FailedPrecondition, "SAME_ACCOUNT", "Source and destination are the same account.").In("to_account_id")
	errNothing  = fault.New(fault.FailedPrecondition, "AMOUNT_TOO_SMALL", "A transfer sends at least one minor unit.").In("amount")
	errCard     = fault.New(fault.FailedPrecondition, "NOT_A_WALLET", "Money is transferred from a wallet, not from a card's account.").In("from_account_id")
)

// Accepted is a transfer as it was accepted.
type Accepted struct {
	Transfer gateway.Transfer
	// IsRepeat says that it was accepted before.
	IsRepeat bool
}

// Accept accepts a transfer of a user under a key by which the user names it. It is idempotent by user and key: a
// repeat gets the transfer word for word as it was accepted first. That the destination exists and that there is
// enough money is not checked here; the transfer ends cancelled otherwise.
//
// Errors: fault.InvalidArgument with the name of the field; fault.Unauthenticated SOURCE_NOT_YOURS;
// fault.FailedPrecondition SAME_ACCOUNT, AMOUNT_TOO_SMALL, NOT_A_WALLET; gateway.ErrKeyReused; gateway.ErrTooMany;
// fault.Unavailable if the transfer cannot be stored, or if the bank, which is away, has to say whose the source is.
func (s *Service) Accept(ctx context.Context, user id.ID, key string, request gateway.Request) (Accepted, error) {
	name, err := gateway.RequestID(user, key)
	if err == nil {
		err = check(&request)
	}
	if err != nil {
		return Accepted{}, err
	}
	account, err := s.account(ctx, user, request.From)
	if err != nil {
		return s.repeat(ctx, user, name, &request, err)
	}
	now := s.config.Now().UTC().Truncate(time.Millisecond)
	wanted := gateway.Transfer{
		Request: request, ID: name, UserID: user, Currency: account.Currency, Status: gateway.Processing, CreatedAt: now, UpdatedAt: now,
	}
	row, err := s.command(ctx, &wanted)
	if err != nil {
		return Accepted{}, err
	}
	stored, known, err := s.config.Store.Accept(ctx, wanted, row)
	switch {
	case err != nil:
		return Accepted{}, err
	case !known:
		s.config.Wake()
		return Accepted{Transfer: stored}, nil
	}
	return sameAs(stored, &request)
}

// check checks the form of a request.
func check(request *gateway.Request) error {
	switch {
	case request.From.IsZero():
		return field.Required("from_account_id")
	case request.To.IsZero():
		return field.Required("to_account_id")
	case request.AmountMinor < 1:
		return errNothing
	case request.From == request.To:
		return errSame
	}
	return field.First(field.Amount("amount", request.AmountMinor), field.OptionalText("message", request.Message, maxMessage))
}

// account returns the account from which a user transfers.
func (s *Service) account(ctx context.Context, user, account id.ID) (gateway.Account, error) {
	key := ownership{user, account}
	known, found := s.owned.Get(key)
	if !found || s.config.Now().Sub(known.readAt) >= ownershipFresh {
		asked, err := s.ask(ctx, account, found)
		switch {
		case err == nil:
			known = knownAccount{asked, s.config.Now()}
			s.owned.Put(key, known)
		case isUnknown(err) && found:
		case fault.CodeOf(err) == fault.NotFound:
			s.owned.Delete(key)
			return gateway.Account{}, errNotOwner
		default:
			return gateway.Account{}, err
		}
	}
	if !known.IsWallet {
		return gateway.Account{}, errCard
	}
	return known.Account, nil
}

// ask asks the bank about an account, and does not wait long if there is an answer from before.
func (s *Service) ask(ctx context.Context, account id.ID, known bool) (gateway.Account, error) {
	if known {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askTimeout)
		defer cancel()
	}
	return s.config.Bank.Account(ctx, account)
}

// isUnknown reports whether an error of the bank says nothing about what was asked.
func isUnknown(err error) bool {
	code := fault.CodeOf(err)
	return code == fault.Unavailable || code == fault.DeadlineExceeded
}

// repeat answers a request that cannot be accepted now, if it was accepted before.
func (s *Service) repeat(ctx context.Context, user, name id.ID, request *gateway.Request, why error) (Accepted, error) {
	stored, err := s.config.Store.Transfer(ctx, user, name)
	if err != nil {
		return Accepted{}, why
	}
	return sameAs(stored, request)
}

// sameAs returns a stored transfer as it was accepted, if it is the one that is asked for.
func sameAs(stored gateway.Transfer, request *gateway.Request) (Accepted, error) {
	if stored.Request != *request {
		return Accepted{}, gateway.ErrKeyReused
	}
	return Accepted{Transfer: stored.AsAccepted(), IsRepeat: true}, nil
}

// command returns the row of a transfer's command. Its MAC is made once, here.
func (s *Service) command(ctx context.Context, transfer *gateway.Transfer) (outbox.Row, error) {
	body, err := command.Encode(&command.Command{
		BankCode: s.config.BankCode, RequestID: transfer.ID.String(), Kind: command.Transfer,
		PrincipalKind: command.User, PrincipalID: transfer.UserID.String(),
		AccountID: transfer.From.String(), DestinationAccountID: transfer.To.String(),
		AmountMinor: transfer.AmountMinor, Currency: transfer.Currency, Description: transfer.Message,
		AcceptedAtMillis: transfer.CreatedAt.UnixMilli(), TraceID: s.config.TraceID(ctx),
	})
	if err != nil {
		return outbox.Row{}, err
	}
	key := []byte(transfer.From.String())
	mac := s.config.Key.Sign(command.Record{Topic: s.topic, Key: key, Body: body})
	return outbox.Row{
		ID: transfer.ID, Topic: s.topic, Key: key, Folder: command.Folder[command.Command](), Version: command.Version, Body: body,
		Headers: []outbox.Header{{Key: command.HeaderKey, Value: []byte(s.config.Key.ID)}, {Key: command.HeaderMAC, Value: []byte(mac)}},
	}, nil
}
