package directory

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/field"
	"codebank.dev/platform/id"
)

// MinSecret is the least number of bytes of Config.Secret.
const MinSecret = 32

// Config is what a Service needs. Store, Banks and Secret are required.
type Config struct {
	Store Store
	Banks Banks
	// Secret keys the hashes of codes and requests. All replicas have the same one.
	Secret []byte
	// ClaimPeriod is how long a donor may answer a claim; 0 means DefaultClaimPeriod.
	ClaimPeriod time.Duration
	// Customer and Bank are the rates of look-ups; zero means the defaults.
	Customer, Bank Rate
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Service does the use cases. Make one with New; it is safe for concurrent use. Each method has the code of the
// calling bank, which is proved before.
type Service struct {
	config Config
	guard  *Guard
	due    chan struct{}
}

// New returns a Service.
func New(config Config) (*Service, error) {
	if config.Store == nil || config.Banks == nil || len(config.Secret) < MinSecret {
		return nil, errors.New("directory: a store, banks and a secret of 32 bytes are required")
	}
	if config.ClaimPeriod <= 0 {
		config.ClaimPeriod = DefaultClaimPeriod
	}
	if config.Customer == (Rate{}) {
		config.Customer = Rate{Most: DefaultCustomerTokens, PerMinute: DefaultCustomerRefill}
	}
	if config.Bank == (Rate{}) {
		config.Bank = Rate{Most: DefaultBankTokens, PerMinute: DefaultBankRefill}
	}
	if config.Customer.Most < CustomerMissCost || config.Bank.Most < BankMissCost || config.Customer.PerMinute < 1 || config.Bank.PerMinute < 1 {
		return nil, errors.New("directory: a bucket has at least the tokens of one look-up, and at least one flows in each minute")
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	return &Service{config, newGuard(&config), make(chan struct{}, 1)}, nil
}

// Guard returns what takes the tokens of look-ups. Its Run must be called.
func (s *Service) Guard() *Guard { return s.guard }

// now returns the time as a database keeps it.
func (s *Service) now() time.Time { return now(s.config.Now) }

func now(clock func() time.Time) time.Time { return clock().UTC().Truncate(time.Microsecond) }

func (s *Service) rule() ClaimRule { return ClaimRule{Now: s.now(), Period: s.config.ClaimPeriod} }

// wake makes the Mailer look for codes at once.
func (s *Service) wake() {
	select {
	case s.due <- struct{}{}:
	default:
	}
}

// Holder is an account of the calling bank, as a request names it.
type Holder struct{ BankCode, AccountID, Name, Document string }

// account checks an account of the caller's. Errors: InvalidArgument of account and below.
func account(bankCode string, h *Holder) (Account, error) {
	if h.BankCode != "" && h.BankCode != bankCode {
		return Account{}, fault.Invalid("account.bank_code", "The account must be one of your own bank's. Leave the code out.")
	}
	party, err := party("account.account_id", bankCode, h.AccountID)
	if err != nil {
		return Account{}, err
	}
	if err := field.HolderName("account.holder_name", h.Name); err != nil {
		return Account{}, err
	}
	document, err := key.ParseCPF("account.holder_document", h.Document)
	return Account{Party: party, HolderName: h.Name, HolderDocument: document}, err
}

// party checks the id of an account of the caller's.
func party(name, bankCode, accountID string) (Party, error) {
	if accountID == "" {
		return Party{}, field.Required(name)
	}
	parsed, err := field.ID(name, "", accountID)
	if err != nil {
		return Party{}, fault.Invalid(name, "The account is a lower-case UUID.")
	}
	return Party{BankCode: bankCode, AccountID: parsed}, nil
}

// changing is a request that changes something once.
type changing struct {
	change      Change
	fingerprint Fingerprint
}

// newChange checks a request id.
func (s *Service) newChange(change Change, what string, parts ...string) (*changing, error) {
	if err := field.Word("request_id", change.RequestID); err != nil {
		return nil, err
	}
	parts = append([]string{"codepix request 1", change.Party.BankCode, what, change.Party.AccountID.String()}, parts...)
	return &changing{change, hashOf(s.config.Secret, parts...)}, nil
}

// change is Store.Change. What look-ups remember of the key is forgotten before it returns.
func (s *Service) change(ctx context.Context, c Change, decide func(*Record) error) error {
	defer s.guard.changed(c.Key)
	return s.config.Store.Change(ctx, c, decide)
}

// once calls decide unless the request is known. It returns the request's first outcome.
func (s *Service) once(ctx context.Context, c *changing, decide func(*Record) (Request, error)) (outcome Request, err error) {
	err = s.change(ctx, c.change, func(r *Record) error {
		if r.Request != nil {
			if outcome = *r.Request; outcome.Fingerprint != c.fingerprint {
				return ErrReused
			}
			return nil
		}
		made, err := decide(r)
		if err != nil {
			return err
		}
		made.Fingerprint = c.fingerprint
		r.Request, outcome = &made, made
		return nil
	})
	return outcome, err
}

func newID() (id.ID, error) { return id.New(rand.Reader) }

// Prune deletes what is too old to matter.
func (s *Service) Prune(ctx context.Context) error {
	return s.config.Store.Prune(ctx, s.now(), s.config.Customer, s.config.Bank)
}
