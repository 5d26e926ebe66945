package pix

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"codebank.dev/bank"
	"codebank.dev/bank/failpoints"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
)

// The kinds of key, as the messages name them.
const (
	KindEmail  = "EMAIL"
	KindCPF    = "CPF"
	KindPhone  = "PHONE"
	KindRandom = "RANDOM"
)

// Registry changes the keys of this bank at the hub. A request id that comes again gets the first answer. Errors:
// fault.InvalidArgument, fault.NotFound, fault.FailedPrecondition, fault.ResourceExhausted, fault.Unavailable.
type Registry interface {
	Create(ctx context.Context, owner KeyOwner, key KeyRequest) (bank.PixKey, error)
	Confirm(ctx context.Context, key KeyRequest, code string) (bank.PixKey, error)
	Delete(ctx context.Context, key KeyRequest) error
	// List returns all keys of this bank, and Digests the digest over its active keys of each kind.
	List(ctx context.Context) ([]bank.PixKey, error)
	Digests(ctx context.Context) (map[string]Digest, error)
}

// Digest is the exclusive or over the digests of keys, and how many they are.
type Digest struct {
	Count int64
	Sum   [32]byte
}

// Claims are those of this bank's accounts at the hub. Errors as for Registry.
type Claims interface {
	CreateClaim(ctx context.Context, owner KeyOwner, key KeyRequest) (Claim, error)
	EndClaim(ctx context.Context, name string, end ClaimEnd) (Claim, error)
	ClaimsOf(ctx context.Context, account bank.ID) ([]Claim, error)
}

// KeyRequest names a key of an account.
type KeyRequest struct {
	RequestID string
	Account   bank.ID
	Kind, Key string
}

// KeyOwner is who a key is for.
type KeyOwner struct{ Name, Document string }

// ClaimEnd is what an account does to a claim.
type ClaimEnd uint8

// The ends of a claim.
const (
	Consent ClaimEnd = iota + 1
	Complete
	CancelClaim
)

// Claim is a request for a key that somebody else has.
type Claim struct {
	Name, Kind, Key string
	// State is PENDING, OPEN, COMPLETED or CANCELLED.
	State string
	// ClaimerAccount and DonorAccount are zero for an account of another bank.
	ClaimerAccount, DonorAccount bank.ID
	ClaimerBank, DonorBank       bank.Code
	CreatedAt, ResolvesAt        time.Time
}

// KeyService keeps the keys of this bank's accounts. The hub is asked first, and then the bank's copy is written: a crash
// in between is mended by the repeat, which gets the hub's first answer. All fields but Failpoint are required; it is
// safe for concurrent use.
type KeyService struct {
	Code      bank.Code
	Directory bank.Directory
	Holders   *HolderService
	Copy      bank.PixKeys
	Registry  Registry
	Claims    Claims
	// Failpoint is called at the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// KeyCall is a request about a key of an account.
type KeyCall struct {
	Call
	Account   string // accounts/{uuid}
	Kind, Key string
}

// own returns the account of a call, if it is the principal's, with its customer.
func (s *KeyService) own(ctx context.Context, subject *bank.Subject, name string) (bank.AccountFacts, error) {
	account, err := field.ID("account", "accounts/", name)
	if err != nil {
		return bank.AccountFacts{}, err
	}
	facts, err := s.Directory.AccountByID(ctx, account)
	if errors.Is(err, bank.ErrNotFound) || err == nil && !subject.MaySee(facts.CustomerID) {
		err = bank.ErrNoAccount.In("account")
	}
	return facts, err
}

// request checks a call that names a key, and returns it as the hub gets it.
func (s *KeyService) request(ctx context.Context, c *KeyCall) (KeyRequest, bank.AccountFacts, error) {
	var noKey error
	if c.Kind != KindRandom || c.Key != "" {
		noKey = checkKey("key", c.Key)
	}
	if c.Kind == "" {
		noKey = field.First(field.Required("kind"), noKey)
	}
	if noKey != nil {
		return KeyRequest{}, bank.AccountFacts{}, noKey
	}
	facts, err := s.own(ctx, &c.Subject, c.Account)
	if err != nil {
		return KeyRequest{}, bank.AccountFacts{}, err
	}
	return KeyRequest{
		RequestID: s.Code.TransactionID(c.Caller, c.RequestID).String(), Account: facts.ID, Kind: c.Kind, Key: c.Key,
	}, facts, nil
}

// Create registers a key for an account. Errors: fault.InvalidArgument; fault.NotFound ACCOUNT_NOT_FOUND;
// fault.FailedPrecondition HOLDER_UNKNOWN, and those of Registry.
func (s *KeyService) Create(ctx context.Context, c KeyCall) (bank.PixKey, error) {
	if err := field.Word("request_id", c.RequestID); err != nil {
		return bank.PixKey{}, err
	}
	request, facts, err := s.request(ctx, &c)
	if err != nil {
		return bank.PixKey{}, err
	}
	owner, err := s.Holders.owner(ctx, facts.CustomerID)
	if err != nil {
		return bank.PixKey{}, err
	}
	created, err := s.Registry.Create(ctx, owner, request)
	if err != nil {
		return bank.PixKey{}, err
	}
	s.changed()
	return created, s.Copy.PutPixKey(ctx, created)
}

// Confirm proves a pending key, or a claim, by a code; without one it has a new one sent.
func (s *KeyService) Confirm(ctx context.Context, c KeyCall, code string) (bank.PixKey, error) {
	if err := field.OptionalWord("code", code); err != nil {
		return bank.PixKey{}, err
	}
	request, _, err := s.request(ctx, &c)
	if err != nil {
		return bank.PixKey{}, err
	}
	confirmed, err := s.Registry.Confirm(ctx, request, code)
	if err != nil {
		return bank.PixKey{}, err
	}
	s.changed()
	if confirmed.Account != request.Account { // The claim of another account's key.
		return confirmed, nil
	}
	return confirmed, s.Copy.PutPixKey(ctx, confirmed)
}

// changed is called when the hub has changed a key, and before the bank's copy is.
func (s *KeyService) changed() { s.Failpoint.At(failpoints.PixKeyChanged) }

// List returns the keys of an account, as the bank's copy has them.
func (s *KeyService) List(ctx context.Context, subject bank.Subject, account string) ([]bank.PixKey, error) {
	facts, err := s.own(ctx, &subject, account)
	if err != nil {
		return nil, err
	}
	return s.Copy.PixKeysOf(ctx, facts.ID)
}

// Delete ends a key of an account. A key that the hub does not have is dropped from the copy too.
func (s *KeyService) Delete(ctx context.Context, c KeyCall) error {
	if err := field.Word("request_id", c.RequestID); err != nil {
		return err
	}
	request, _, err := s.request(ctx, &c)
	if err != nil {
		return err
	}
	err = s.Registry.Delete(ctx, request)
	if err != nil && fault.CodeOf(err) != fault.NotFound {
		return err
	}
	s.changed()
	keys, reading := s.Copy.PixKeysOf(ctx, request.Account)
	if reading != nil {
		return reading
	}
	if slices.ContainsFunc(keys, func(k bank.PixKey) bool { return k.Kind == request.Kind && k.Key == request.Key }) {
		return s.Copy.DropPixKey(ctx, request.Kind, request.Key)
	}
	return err
}

// CreateClaim asks for a key that another account has.
func (s *KeyService) CreateClaim(ctx context.Context, c KeyCall) (Claim, error) {
	if err := field.Word("request_id", c.RequestID); err != nil {
		return Claim{}, err
	}
	request, facts, err := s.request(ctx, &c)
	if err != nil {
		return Claim{}, err
	}
	owner, err := s.Holders.owner(ctx, facts.CustomerID)
	if err != nil {
		return Claim{}, err
	}
	return s.Claims.CreateClaim(ctx, owner, request)
}

// errNoClaim answers for a claim that does not exist and for one in which the account takes no part.
var errNoClaim = fault.New(fault.NotFound, "CLAIM_NOT_FOUND", "There is no such claim.")

// EndRequest asks for something to be done to a claim.
type EndRequest struct {
	Call
	Account string // accounts/{uuid}, which takes part in it
	Name    string // claims/{uuid}
	End     ClaimEnd
}

// EndClaim does to a claim what an account may, and takes over what it means for the bank's copy.
func (s *KeyService) EndClaim(ctx context.Context, r EndRequest) (Claim, error) {
	if _, err := field.ID("name", "claims/", r.Name); err != nil {
		return Claim{}, err
	}
	facts, err := s.own(ctx, &r.Subject, r.Account)
	if err != nil {
		return Claim{}, err
	}
	claims, err := s.Claims.ClaimsOf(ctx, facts.ID)
	if err != nil {
		return Claim{}, err
	}
	if !slices.ContainsFunc(claims, func(c Claim) bool { return c.Name == r.Name }) {
		return Claim{}, errNoClaim
	}
	ended, err := s.Claims.EndClaim(ctx, r.Name, r.End)
	if err == nil && ended.State == "COMPLETED" {
		_, err = s.Reconcile(ctx)
	}
	return ended, err
}

// ListClaims returns the claims of an account.
func (s *KeyService) ListClaims(ctx context.Context, subject bank.Subject, account string) ([]Claim, error) {
	facts, err := s.own(ctx, &subject, account)
	if err != nil {
		return nil, err
	}
	return s.Claims.ClaimsOf(ctx, facts.ID)
}

// Differences is what the bank's copy lacked, and what it had that the hub does not have.
type Differences struct{ Added, Removed []bank.PixKey }

// digests returns the digests of keys, of each kind that has any.
func digests(keys []bank.PixKey) map[string]Digest {
	sums := make(map[string]Digest)
	for _, key := range keys {
		if key.State != "ACTIVE" {
			continue
		}
		sum := sums[key.Kind]
		sum.Count++
		for i := range min(len(key.Digest), len(sum.Sum)) {
			sum.Sum[i] ^= key.Digest[i]
		}
		sums[key.Kind] = sum
	}
	return sums
}

// Reconcile compares the bank's copy with the hub as Compare does, and mends the copy: the hub has the last word on who
// owns a key. A repeat finds nothing. After an error, what is returned has been mended, and perhaps more.
func (s *KeyService) Reconcile(ctx context.Context) (Differences, error) {
	found, err := s.Compare(ctx)
	if err != nil {
		return Differences{}, err
	}
	for i, key := range found.Added {
		if err := s.Copy.PutPixKey(ctx, key); err != nil {
			return Differences{Added: found.Added[:i]}, err
		}
	}
	for i, key := range found.Removed {
		if err := s.Copy.DropPixKey(ctx, key.Kind, key.Key); err != nil {
			return Differences{Added: found.Added, Removed: found.Removed[:i]}, err
		}
	}
	return found, nil
}

// Compare compares the bank's copy with the hub by the digests over both, and changes nothing. All keys are listed only
// if a digest differs.
func (s *KeyService) Compare(ctx context.Context) (Differences, error) {
	ours, err := s.Copy.PixKeysOf(ctx, bank.ID{})
	if err != nil {
		return Differences{}, err
	}
	sums, err := s.Registry.Digests(ctx)
	if err != nil || maps.Equal(sums, digests(ours)) {
		return Differences{}, err
	}
	theirs, err := s.Registry.List(ctx)
	if err != nil {
		return Differences{}, err
	}
	return differences(ours, theirs), nil
}

// differences returns what the copy lacks or has otherwise, and what the hub does not have.
func differences(ours, theirs []bank.PixKey) Differences {
	known := make(map[[2]string]bank.PixKey, len(ours))
	for _, key := range ours {
		known[[2]string{key.Kind, key.Key}] = key
	}
	var found Differences
	for _, key := range theirs {
		name := [2]string{key.Kind, key.Key}
		own, ok := known[name]
		delete(known, name)
		if ok && own.Account == key.Account && own.State == key.State && string(own.Digest) == string(key.Digest) {
			continue
		}
		found.Added = append(found.Added, key)
	}
	for _, key := range ours {
		if _, gone := known[[2]string{key.Kind, key.Key}]; gone {
			found.Removed = append(found.Removed, key)
		}
	}
	return found
}
