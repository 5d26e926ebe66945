package pix

import (
	"context"
	"encoding/binary"
	"errors"
	"math/bits"
	"strings"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/brcode"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
)

// The bounds of codes.
const (
	// MaxActiveCodes is how many codes of an account can be paid at the same time.
	MaxActiveCodes = 1000
	// A code that is paid once lives for a minute to ninety days, and for a day if nobody says how long.
	minCodeLife, maxCodeLife, usualCodeLife = time.Minute, 90 * 24 * time.Hour, 24 * time.Hour
)

// codeCurrency is that of every BR Code.
const codeCurrency = "BRL"

// codeCity stands where a BR Code wants the city of a holder, which a bank does not know.
const codeCity = "BRASIL"

// The ends of a code. Their names are also the reasons of the payments that are rejected for them.
var (
	errCodePaid      = fault.New(fault.FailedPrecondition, "PIX_CODE_PAID", "The code was paid before.")
	errCodeExpired   = fault.New(fault.FailedPrecondition, "PIX_CODE_EXPIRED", "The code has expired.")
	errCodeCancelled = fault.New(fault.FailedPrecondition, "PIX_CODE_CANCELLED", "The code was cancelled.")
	errCodeOther     = fault.New(fault.FailedPrecondition, "PIX_CODE_AMOUNT", "The amount is not the one that the code asks for.")
)

var (
	errNoCode       = fault.New(fault.NotFound, "PIX_CODE_NOT_FOUND", "There is no such code.")
	errManyCodes    = fault.New(fault.FailedPrecondition, "TOO_MANY_PIX_CODES", "The account has 1000 codes that can be paid. Cancel one, or let one expire.").In("account")
	errTxIDTaken    = fault.New(fault.FailedPrecondition, "TXID_TAKEN", "The account has a code with this txid.").In("txid")
	errNoActiveKey  = fault.New(fault.FailedPrecondition, "NO_ACTIVE_KEY", "The account has no such key that can be paid to.").In("key")
	errCodeKind     = fault.Invalid("kind", "Say whether the code is paid once (DYNAMIC) or again and again (STATIC).")
	errCodeCurrency = fault.Invalid("currency", "The currency of a BR Code is BRL.")
	errCodeMinor    = fault.Invalid("amount_minor", "The amount of a code must be 1 to 999999999999; a static one may leave it out.")
	errCodeLife     = fault.Invalid("lifetime_seconds", "A code that is paid once lives for 60 to 7776000 seconds; another one does not expire.")
)

// codeRefusal returns why a payment of an amount does not pay a code, as the reason of its rejection, or "".
func codeRefusal(code *bank.PixCode, amount int64, now time.Time) string {
	refusal := ended(code, now)
	if refusal == nil && code.AmountMinor != 0 && code.AmountMinor != amount {
		refusal = errCodeOther
	}
	if refusal == nil {
		return ""
	}
	return refusal.Reason
}

// ended returns why a code cannot be paid any more; nil for one that can.
func ended(code *bank.PixCode, now time.Time) *fault.Error {
	switch code.StateAt(now) {
	case bank.PixCodePaid:
		return errCodePaid
	case bank.PixCodeExpired:
		return errCodeExpired
	case bank.PixCodeCancelled:
		return errCodeCancelled
	}
	return nil
}

// CodeService makes codes by which others pay into wallets of this bank, and reads those of everybody. Whether a code
// is paid is decided where the payment is credited, see arrive. All fields are required; it is safe for concurrent use.
type CodeService struct {
	Code      bank.Code
	Directory bank.Directory
	Holders   Holders
	// OwnKeys is the bank's copy of its keys, and Keys finds those of everybody.
	OwnKeys bank.PixKeys
	Keys    Keys
	Codes   bank.PixCodes
	Vault   bank.Vault
	Now     func() time.Time
}

// CodeRequest asks for a code.
type CodeRequest struct {
	Call
	Account string // accounts/{uuid}: a wallet
	// Once and Reusable say what kind of code it is. Exactly one of them is set.
	Once, Reusable bool
	// AmountMinor is in centavos. 0 in a code that is paid again and again leaves it to the payer.
	AmountMinor int64
	Currency    string
	Message     string
	// TxID is empty for one that the bank makes, and Key for the account's own choice.
	TxID, Key string
	// LifetimeSeconds is 0 for the usual time, and for a code that does not expire.
	LifetimeSeconds int64
}

// check refuses what cannot be in a code, by its field.
func (r *CodeRequest) check() error {
	var noKind, noCurrency, noAmount, noLife, noKey error
	if r.Once == r.Reusable {
		noKind = errCodeKind
	}
	if r.Currency != codeCurrency {
		noCurrency = errCodeCurrency
	}
	if r.AmountMinor < 0 || r.AmountMinor > brcode.MaxMinor || r.Once && r.AmountMinor == 0 {
		noAmount = errCodeMinor
	}
	life := r.LifetimeSeconds
	if life != 0 && (!r.Once || life < int64(minCodeLife/time.Second) || life > int64(maxCodeLife/time.Second)) {
		noLife = errCodeLife
	}
	if r.Key != "" {
		noKey = checkKey("key", r.Key)
	}
	return field.First(field.Word("request_id", r.RequestID), noKind, noCurrency, noAmount, noLife, noKey,
		field.OptionalText("message", r.Message, brcode.MaxKey), field.OptionalWord("txid", r.TxID))
}

// life returns how long a code can be paid; 0 for ever.
func (r *CodeRequest) life() time.Duration {
	switch {
	case !r.Once:
		return 0
	case r.LifetimeSeconds == 0:
		return usualCodeLife
	}
	return time.Duration(r.LifetimeSeconds) * time.Second
}

// Create makes a code, for the owner of a wallet. It is idempotent by caller and request id, and does not need the hub.
//
// Errors: fault.InvalidArgument with the name of the field; fault.NotFound ACCOUNT_NOT_FOUND; fault.FailedPrecondition
// NOT_A_WALLET, NO_ACTIVE_KEY, TXID_TAKEN, TOO_MANY_PIX_CODES; fault.Aborted REQUEST_ID_REUSED; fault.Unavailable.
func (s *CodeService) Create(ctx context.Context, r CodeRequest) (bank.PixCode, error) {
	account, noAccount := field.ID("account", "accounts/", r.Account)
	if err := field.First(noAccount, r.check()); err != nil {
		return bank.PixCode{}, err
	}
	facts, err := s.own(ctx, &r.Subject, account)
	switch {
	case err != nil:
		return bank.PixCode{}, err
	case facts.Kind != bank.AccountWallet:
		return bank.PixCode{}, bank.ErrNotWallet.In("account")
	case facts.Currency.String() != codeCurrency:
		return bank.PixCode{}, errCodeCurrency
	}
	code, err := s.draft(ctx, &r, &facts)
	if err != nil {
		return bank.PixCode{}, err
	}
	made, err := s.Codes.CreatePixCode(ctx, code, MaxActiveCodes)
	switch {
	case errors.Is(err, bank.ErrRejected):
		return bank.PixCode{}, errManyCodes
	case err != nil:
		return bank.PixCode{}, err
	case made.RequestID != code.RequestID:
		return bank.PixCode{}, errTxIDTaken
	case made.Fingerprint != code.Fingerprint:
		return bank.PixCode{}, bank.ErrRequestIDReused
	}
	return made, nil
}

// draft returns the code that a request asks for. A repeat may find another key; what was stored first counts.
func (s *CodeService) draft(ctx context.Context, r *CodeRequest, facts *bank.AccountFacts) (bank.PixCode, error) {
	request := s.Code.TransactionID(r.Caller, r.RequestID)
	now := s.Now().UTC().Truncate(time.Microsecond)
	code := bank.PixCode{
		Account: facts.ID, RequestID: request, Once: r.Once, State: bank.PixCodeActive, TxID: r.TxID, Message: r.Message,
		AmountMinor: r.AmountMinor, CreatedAt: now,
		Fingerprint: s.Vault.Fingerprint(bank.NewCanonical("pix code").Text(facts.ID.String()).Text(r.kind()).Number(r.AmountMinor).
			Text(r.Message).Text(r.TxID).Text(r.Key).Number(r.LifetimeSeconds)),
	}
	if code.TxID == "" {
		code.TxID = txID(request)
	}
	if life := r.life(); life != 0 {
		code.ExpiresAt = now.Add(life)
	}
	code.ID = s.Code.PixCodeID(facts.ID, code.TxID)
	key, err := s.key(ctx, facts.ID, r.Key)
	if err != nil {
		return s.repeated(ctx, code, err)
	}
	name, err := s.Holders.HolderName(ctx, facts.CustomerID)
	if err != nil {
		return s.repeated(ctx, code, err)
	}
	code.Key = key
	code.Text, err = brcode.Make(&brcode.Code{
		Once: code.Once, Key: key, Description: code.Message, AmountMinor: code.AmountMinor, Name: shownName(name), City: codeCity, TxID: code.TxID,
	})
	if err != nil {
		return s.repeated(ctx, code, inRequest(err))
	}
	return code, nil
}

// repeated returns a draft that cannot be made any more, for example because its key is gone, if its request has made a code before; else the refusal.
func (s *CodeService) repeated(ctx context.Context, code bank.PixCode, refusal error) (bank.PixCode, error) {
	made, err := s.Codes.PixCodeByID(ctx, code.ID)
	if err != nil || made.RequestID != code.RequestID {
		return bank.PixCode{}, refusal
	}
	code.Key, code.Text = made.Key, made.Text
	return code, nil
}

func (r *CodeRequest) kind() string {
	if r.Once {
		return "once"
	}
	return "reusable"
}

// key returns the key of an account that a code names: the one that is asked for, else a random one, else the first one.
func (s *CodeService) key(ctx context.Context, account bank.ID, asked string) (string, error) {
	keys, err := s.OwnKeys.PixKeysOf(ctx, account)
	if err != nil {
		return "", err
	}
	found := ""
	for _, key := range keys {
		switch {
		case key.State != keyActive || asked != "" && !strings.EqualFold(key.Key, asked):
		case found == "" || key.Kind == KindRandom:
			found = key.Key
		}
	}
	if found == "" {
		return "", errNoActiveKey
	}
	return found, nil
}

// keyActive is the state of a key that can be paid to.
const keyActive = "ACTIVE"

// shownName returns a holder's name as a code has it: masked, because whoever finds the code reads it.
func shownName(name string) string {
	if plain := brcode.Plain(MaskName(name), brcode.MaxName); plain != "" {
		return plain
	}
	return masked
}

// codeFields are the fields of a request by those of a code.
var codeFields = map[string]string{"code.description": "message", "code.amount": "amount_minor", "code.txid": "txid", "code.key": "key"}

// inRequest returns the refusal of a code with the name of the request's field.
func inRequest(err error) error {
	refusal := fault.Of(err)
	if name, ok := codeFields[refusal.Field]; ok {
		return refusal.In(name)
	}
	return refusal
}

// txIDLength is that of 128 bits in base 62.
const txIDLength = 22

// txID returns the txid of a code whose request names none: the request in base 62.
func txID(request bank.ID) string {
	text := make([]byte, txIDLength)
	high, low := binary.BigEndian.Uint64(request[:8]), binary.BigEndian.Uint64(request[8:])
	for i := txIDLength - 1; i >= 0; i-- {
		rest := high % uint64(len(digits))
		high /= uint64(len(digits))
		low, rest = bits.Div64(rest, low, uint64(len(digits)))
		text[i] = digits[rest]
	}
	return string(text)
}

// own returns an account, if it is the principal's.
func (s *CodeService) own(ctx context.Context, subject *bank.Subject, account bank.ID) (bank.AccountFacts, error) {
	facts, err := s.Directory.AccountByID(ctx, account)
	if errors.Is(err, bank.ErrNotFound) || err == nil && !subject.MaySee(facts.CustomerID) {
		err = bank.ErrNoAccount.In("account")
	}
	return facts, err
}

// Get returns a code of the principal's. Errors: fault.InvalidArgument name; fault.NotFound PIX_CODE_NOT_FOUND, also for
// one of somebody else; fault.Unavailable.
func (s *CodeService) Get(ctx context.Context, subject bank.Subject, name string) (bank.PixCode, error) {
	id, err := field.ID("name", "codes/", name)
	if err != nil {
		return bank.PixCode{}, err
	}
	code, err := s.Codes.PixCodeByID(ctx, id)
	if errors.Is(err, bank.ErrNotFound) {
		return bank.PixCode{}, errNoCode
	}
	if err != nil {
		return bank.PixCode{}, err
	}
	facts, err := s.Directory.AccountByID(ctx, code.Account)
	if err == nil && !subject.MaySee(facts.CustomerID) {
		err = errNoCode
	}
	return code, err
}

// List returns up to limit codes of an account with positions below before, or from the last one on when before is 0, the
// newest first. Errors: fault.InvalidArgument account; fault.NotFound ACCOUNT_NOT_FOUND; fault.Unavailable.
func (s *CodeService) List(ctx context.Context, subject bank.Subject, name string, before int64, limit int) ([]bank.PixCode, error) {
	account, err := field.ID("account", "accounts/", name)
	if err == nil {
		_, err = s.own(ctx, &subject, account)
	}
	if err != nil {
		return nil, err
	}
	return s.Codes.PixCodesOf(ctx, account, before, limit)
}

// Cancel ends a code of the principal's. A payment that is credited in the same moment wins or loses as a whole. A
// repeat changes nothing. Errors: those of Get; fault.FailedPrecondition PIX_CODE_PAID, PIX_CODE_EXPIRED.
func (s *CodeService) Cancel(ctx context.Context, subject bank.Subject, name string) (bank.PixCode, error) {
	code, err := s.Get(ctx, subject, name)
	if err != nil {
		return bank.PixCode{}, err
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	if code, err = s.Codes.CancelPixCode(ctx, code.ID, now); err != nil {
		return bank.PixCode{}, err
	}
	if end := ended(&code, now); end != nil && end != errCodeCancelled {
		return bank.PixCode{}, end
	}
	return code, nil
}

// ReadCode is what a code says, and whom it pays.
type ReadCode struct {
	Said brcode.Code
	To   Destination
	// Own is the code as this bank has made it; nil for one of another bank.
	Own *bank.PixCode
}

// Parse reads the text of a code for the owner of an account who would pay it. It costs as much as a look-up of its key.
// Errors: fault.InvalidArgument account, code; fault.NotFound ACCOUNT_NOT_FOUND, and those of Keys.
func (s *CodeService) Parse(ctx context.Context, subject bank.Subject, payer, text string) (ReadCode, error) {
	account, noAccount := field.ID("account", "accounts/", payer)
	said, noCode := brcode.Parse(text)
	switch {
	case noCode != nil:
		noCode = fault.Of(noCode).In("code")
	case said.URL != "":
		noCode = errAddress
	default:
		noCode = checkKey("code", said.Key)
	}
	if err := field.First(noAccount, noCode); err != nil {
		return ReadCode{}, err
	}
	if _, err := s.own(ctx, &subject, account); err != nil {
		return ReadCode{}, err
	}
	to, err := s.Keys.LookUp(ctx, account, said.Key)
	if err != nil {
		if refusal := fault.Of(err); refusal.Code == fault.InvalidArgument || refusal.Code == fault.NotFound {
			err = refusal.In("code")
		}
		return ReadCode{}, err
	}
	found := ReadCode{Said: *said, To: to}
	if to.BankCode != s.Code || said.TxID == "" {
		return found, nil
	}
	own, err := s.Codes.PixCodeByID(ctx, s.Code.PixCodeID(to.Account, said.TxID))
	switch {
	case errors.Is(err, bank.ErrNotFound):
		return found, nil
	case err != nil:
		return ReadCode{}, err
	case own.Text == strings.TrimSpace(text): // Who knows less than the whole text hears nothing of the code.
		found.Own = &own
	}
	return found, nil
}
