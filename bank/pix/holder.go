package pix

import (
	"context"
	"errors"
	"strings"
	"time"

	"codebank.dev/bank"
	"codebank.dev/platform/auditlog"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
)

// HolderService knows who customers are. All fields are required; it is safe for concurrent use.
type HolderService struct {
	Store bank.Holders
	Vault interface {
		bank.HolderVault
		Fingerprint(canonical []byte) [32]byte
	}
	Now func() time.Time
}

var _ Holders = (*HolderService)(nil)

var (
	errHolderKnown   = fault.New(fault.FailedPrecondition, "HOLDER_KNOWN", "The customer was registered with another name or CPF.")
	errDocumentTaken = fault.New(fault.FailedPrecondition, "DOCUMENT_TAKEN", "Another customer has this CPF.").In("document")
	errHolderUnknown = fault.New(fault.FailedPrecondition, "HOLDER_UNKNOWN", "The bank does not know the name and CPF of the account's holder yet.")
)

// maxHolderName is the most characters of a full name.
const maxHolderName = 120

// HolderRequest says who a customer is.
type HolderRequest struct {
	Customer string // customers/{uuid}
	FullName string
	Document string // a CPF
	Actor    bank.Actor
}

// Register stores who a customer is, once. A repeat changes nothing. It returns name and CPF as others see them.
//
// Errors: fault.InvalidArgument with the name of the field; fault.FailedPrecondition HOLDER_KNOWN, DOCUMENT_TAKEN;
// fault.Unavailable.
func (s *HolderService) Register(ctx context.Context, r HolderRequest) (name, document string, err error) {
	customer, noCustomer := field.ID("customer", "customers/", r.Customer)
	err = field.First(noCustomer, field.Text("full_name", r.FullName, maxHolderName), field.HolderName("full_name", r.FullName), checkCPF("document", r.Document))
	if err != nil {
		return "", "", err
	}
	r.FullName = strings.Join(strings.Fields(r.FullName), " ")
	sealed, err := s.Vault.SealText([]byte(r.Document+" "+r.FullName), customer)
	if err != nil {
		return "", "", fault.New(fault.Internal, "SEALING", "Something went wrong on our side.").Wrap(err)
	}
	now := s.Now().UTC().Truncate(time.Microsecond)
	stored, err := s.Store.RegisterHolder(ctx, bank.SealedHolder{
		CustomerID: customer, DocumentLookup: s.Vault.Fingerprint(bank.NewCanonical("holder document").Text(r.Document)), Sealed: sealed,
		RegisteredAt: now, RegisteredBy: r.Actor.Name,
	}, r.Actor.Record(now, bank.ActHolder, r.Customer, auditlog.ResultOK))
	if errors.Is(err, bank.ErrRejected) {
		return "", "", errDocumentTaken
	}
	if err != nil {
		return "", "", err
	}
	known, err := s.open(&stored)
	if err == nil && known != (KeyOwner{Name: r.FullName, Document: r.Document}) {
		err = errHolderKnown
	}
	if err != nil {
		return "", "", err
	}
	return MaskName(known.Name), maskCPF(known.Document), nil
}

// open returns what a holder is registered with.
func (s *HolderService) open(holder *bank.SealedHolder) (KeyOwner, error) {
	text, err := s.Vault.OpenText(holder.Sealed, holder.CustomerID)
	document, name, ok := strings.Cut(string(text), " ")
	if err != nil || !ok {
		return KeyOwner{}, fault.New(fault.Internal, "SEALING", "Something went wrong on our side.").Wrap(err)
	}
	return KeyOwner{Name: name, Document: document}, nil
}

// owner returns who a customer is; errHolderUnknown when nobody has said so.
func (s *HolderService) owner(ctx context.Context, customer bank.ID) (KeyOwner, error) {
	holder, err := s.Store.HolderOf(ctx, customer)
	if errors.Is(err, bank.ErrNotFound) {
		return KeyOwner{}, errHolderUnknown
	}
	if err != nil {
		return KeyOwner{}, err
	}
	return s.open(&holder)
}

// HolderName implements Holders.
func (s *HolderService) HolderName(ctx context.Context, customer bank.ID) (string, error) {
	known, err := s.owner(ctx, customer)
	if errors.Is(err, errHolderUnknown) {
		return "", nil
	}
	return known.Name, err
}

// checkCPF refuses a text that is no CPF: eleven digits, not all the same, the last two of which are check digits
// (modulus 11).
func checkCPF(name, text string) error {
	refusal := fault.Invalid(name, "A CPF is eleven digits, the last two of which are check digits.")
	if len(text) != 11 || strings.Trim(text, "0123456789") != "" || strings.Count(text, text[:1]) == 11 {
		return refusal
	}
	for length := 9; length <= 10; length++ {
		sum := 0
		for i := range length {
			sum += int(text[i]-'0') * (length + 1 - i)
		}
		if digit := sum * 10 % 11 % 10; digit != int(text[length]-'0') {
			return refusal
		}
	}
	return nil
}

// maskCPF returns a CPF of which three digits are left.
func maskCPF(document string) string { return "***." + document[3:6] + ".***-**" }
