package codepixtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"github.com/stretchr/testify/require"
)

// OpenDirectory opens an empty store for the keys of banks. Both results are on the same data, as two programs are.
type OpenDirectory func(t testing.TB, banks directory.Banks) (store, other directory.Store)

// TestDirectory checks the promises of directory.Store, and the use cases on it, on an empty store for each of them.
func TestDirectory(t *testing.T, open OpenDirectory) {
	for name, check := range map[string]func(*testing.T, *desk){
		"a key is registered once for a request":                registeredOnce,
		"a request id names one request":                        reused,
		"a random key is made by the hub":                       random,
		"a CPF is its holder's":                                 ownCPF,
		"a key is proved by the code that is sent to it":        proved,
		"a code is tried five times, for fifteen minutes":       guessed,
		"codes to a key are few":                                fewCodes,
		"an account has few keys":                               fewKeys,
		"one of two banks gets a key":                           oneOwner,
		"many calls under one request id make one key":          manyCalls,
		"a donor consents to a claim":                           consented,
		"a donor who does not answer loses the key":             silent,
		"a donor who proves the key keeps it":                   kept,
		"a claim of a CPF is for its holder":                    claimedCPF,
		"a claim that nobody proved blocks nobody":              unproved,
		"who deletes a claimed key gives it away":               deletedClaimed,
		"what is not the bank's is not there":                   walls,
		"pages are complete":                                    pages,
		"a code is sent until it was taken":                     sentAgain,
		"what is too old is deleted":                            pruned,
		"a scanner gets five misses":                            scanned,
		"a scanner on two replicas at once gets five misses":    scannedTwice,
		"who pays after each look-up is never slowed":           honest,
		"a bank that scans runs out of tokens":                  scanningBank,
		"a key that is taken or not there costs like a look-up": asked,
		"a look-up remembers for a second":                      remembered,
		"what a look-up remembers is forgotten with a change":   outdated,
		"what a change overtakes is not remembered":             overtaken,
		"whatever happens, digests are those of the keys":       tallied,
		"another secret sums up the keys anew":                  rekeyed,
	} {
		t.Run(name, func(t *testing.T) { check(t, newDesk(t, open)) })
	}
}

// The banks of a suite, and the time at which it begins.
const (
	One = "001"
	Two = "002"
)

// Start is when a suite begins.
var Start = time.Date(2030, time.January, 2, 3, 4, 5, 0, time.UTC)

// DirectorySecret is the secret of the services of a suite.
var DirectorySecret = []byte("a secret of a suite, 32 bytes ...")

// DirectoryBanks are banks with secrets that a test can change. Make them with NewDirectoryBanks.
type DirectoryBanks struct {
	mutex  sync.Mutex
	keyIDs map[string]string
}

// NewDirectoryBanks returns the banks One and Two.
func NewDirectoryBanks() *DirectoryBanks {
	return &DirectoryBanks{keyIDs: map[string]string{One: "one-1", Two: "two-1"}}
}

// Rekey gives a bank another secret.
func (b *DirectoryBanks) Rekey(code, keyID string) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.keyIDs[code] = keyID
}

// Bank implements directory.Banks.
func (b *DirectoryBanks) Bank(code string) (directory.Bank, bool) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	keyID, known := b.keyIDs[code]
	return directory.Bank{Code: code, Name: "Bank " + code, Digester: digester(keyID)}, known
}

// digester is a Digester whose secret is its name.
type digester string

func (d digester) KeyID() string { return string(d) }

func (d digester) Digest(e *directory.Entry) (digest directory.Digest) {
	h := hmac.New(sha256.New, []byte(d))
	fmt.Fprintf(h, "%s/%s/%s/%s/%s/%s", e.Key.Kind, e.Key.Text, e.Account.BankCode, e.Account.AccountID, e.Account.HolderName, e.Account.HolderDocument)
	h.Sum(digest[:0])
	return digest
}

// Clock is a clock that a test moves.
type Clock struct {
	mutex sync.Mutex
	now   time.Time
}

// Now returns the time.
func (c *Clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

// Advance moves the clock.
func (c *Clock) Advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(by)
}

// Mailbox is a Sender that keeps what it gets. Make one with NewMailbox.
type Mailbox struct {
	mutex sync.Mutex
	codes map[key.Key][]directory.Code
	// refuses makes it refuse codes.
	refuses bool
}

// NewMailbox returns an empty Mailbox.
func NewMailbox() *Mailbox { return &Mailbox{codes: map[key.Key][]directory.Code{}} }

// Send implements directory.Sender.
func (m *Mailbox) Send(_ context.Context, to key.Key, code directory.Code) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.refuses {
		return fault.New(fault.Unavailable, "AWAY", "The mailbox is away.")
	}
	m.codes[to] = append(m.codes[to], code)
	return nil
}

// Sent returns the codes that came for a key.
func (m *Mailbox) Sent(to key.Key) []directory.Code {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return append([]directory.Code(nil), m.codes[to]...)
}

// desk is the use cases on a store, as a test has them.
type desk struct {
	*directory.Service
	// ctx is that of the test.
	ctx context.Context
	// replica is another program on the same data.
	replica *directory.Service
	store   directory.Store
	banks   *DirectoryBanks
	clock   *Clock
	mailbox *Mailbox
	mailer  *directory.Mailer
	serial  int
}

func newDesk(t testing.TB, open OpenDirectory) *desk {
	d := &desk{ctx: t.Context(), banks: NewDirectoryBanks(), clock: &Clock{now: Start}, mailbox: NewMailbox()}
	store, other := open(t, d.banks)
	service := func(store directory.Store) *directory.Service {
		made, err := directory.New(directory.Config{Store: store, Banks: d.banks, Secret: DirectorySecret, Now: d.clock.Now})
		require.NoError(t, err)
		return made
	}
	d.store, d.Service, d.replica = store, service(store), service(other)
	d.mailer = &directory.Mailer{Service: d.Service, Sender: d.mailbox, Logger: slog.New(slog.DiscardHandler), Every: time.Millisecond}
	return d
}

// deliver sends all codes that are due.
func (d *desk) deliver(t require.TestingT) {
	for {
		sent, err := d.mailer.SendNext(d.ctx)
		require.NoError(t, err)
		if !sent {
			return
		}
	}
}

// code returns the newest code that was sent to a key.
func (d *desk) code(t require.TestingT, kind key.Kind, text string) string {
	d.deliver(t)
	codes := d.mailbox.Sent(key.Key{Kind: kind, Text: text})
	require.NotEmpty(t, codes)
	return codes[len(codes)-1].Reveal()
}

// wrong returns a code that is not this one.
func wrong(code string) string {
	if code == "000000" {
		return "000001"
	}
	return "000000"
}

// request returns a new request id.
func (d *desk) request() string {
	d.serial++
	return fmt.Sprintf("request-%d", d.serial)
}

// AccountID returns an account by its number.
func AccountID(number int) string {
	return id.Derive(id.ID{15: 1}, fmt.Sprint("account ", number)).String()
}

// The people of a suite.
var (
	ana  = directory.Holder{AccountID: AccountID(1), Name: "Ana Souza Lima", Document: "52998224725"}
	bia  = directory.Holder{AccountID: AccountID(2), Name: "Bia Reis", Document: "11144477735"}
	caio = directory.Holder{AccountID: AccountID(3), Name: "Caio Melo", Document: key.MakeCPF("123456789")}
)

const email, phone = "ana@exemplo.com", "+5511987654321"

// who is an account at a bank.
type who struct {
	bank   string
	holder directory.Holder
}

// create registers a key.
func (d *desk) create(t require.TestingT, of who, kind key.Kind, text string) (directory.Entry, error) {
	return d.CreateKey(d.ctx, of.bank, &directory.Registration{RequestID: d.request(), Kind: kind, Text: text, Account: of.holder})
}

// confirm gives a code back.
func (d *desk) confirm(t require.TestingT, of who, text, code string) (directory.Entry, error) {
	return d.ConfirmKey(d.ctx, of.bank, &directory.Confirmation{Text: text, AccountID: of.holder.AccountID, Code: code})
}

// have gives a key to an account.
func (d *desk) have(t require.TestingT, of who, kind key.Kind, text string) {
	entry, err := d.create(t, of, kind, text)
	require.NoError(t, err)
	if kind.Proved() {
		require.Equal(t, directory.Pending, entry.State)
		entry, err = d.confirm(t, of, text, d.code(t, kind, text))
		require.NoError(t, err)
	}
	require.Equal(t, directory.Active, entry.State)
}

// claim claims a key.
func (d *desk) claim(t require.TestingT, bank string, holder directory.Holder, text string) (directory.Claim, error) {
	return d.CreateClaim(d.ctx, bank, &directory.Registration{RequestID: d.request(), Text: text, Account: holder})
}

// lookUp returns the bank and the account that a key belongs to.
func (d *desk) lookUp(t require.TestingT, text string) (bank, account string, err error) {
	answer, err := d.LookUpKey(d.ctx, One, directory.LookUp{Text: text})
	return answer.Entry.Account.BankCode, answer.Entry.Account.AccountID.String(), err
}

// requireOwner requires that a key is an account's.
func (d *desk) requireOwner(t require.TestingT, text, bank string, holder directory.Holder) {
	atBank, account, err := d.lookUp(t, text)
	require.NoError(t, err)
	require.Equal(t, bank+"/"+holder.AccountID, atBank+"/"+account)
	for _, code := range []string{One, Two} {
		differences, err := d.CheckTallies(d.ctx, code)
		require.NoError(t, err)
		require.Empty(t, differences)
	}
}
