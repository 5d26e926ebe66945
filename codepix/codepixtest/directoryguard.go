package codepixtest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// nobodys returns an address that nobody has.
func nobodys(number int) string { return fmt.Sprintf("nobody%d@exemplo.com", number) }

func scanned(t *testing.T, d *desk) {
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	scan := func(customer, text string) error {
		_, err := d.LookUpKey(t.Context(), Two, directory.LookUp{Text: text, Customer: customer})
		return err
	}
	for i := range 5 {
		require.ErrorIs(t, scan("scanner", nobodys(i)), directory.ErrNoKey)
	}
	for i := range 3 {
		err := scan("scanner", nobodys(i))
		require.ErrorIs(t, err, directory.ErrNoTokens)
		require.Equal(t, 10*time.Minute, fault.Of(err).RetryAfter, "twenty tokens, at two a minute")
	}
	require.ErrorIs(t, scan("scanner", ana.Document), directory.ErrNoTokens, "whether somebody has the key makes no difference")
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(scan("scanner", "nonsense")), "what is no key says nothing")
	require.NoError(t, scan("another", ana.Document), "another customer is not slowed")
	for i := range 100 {
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(scan("typist", fmt.Sprint(i))))
	}
	require.NoError(t, scan("typist", ana.Document), "what is malformed costs nothing")
	d.clock.Advance(10 * time.Minute)
	require.ErrorIs(t, scan("scanner", nobodys(9)), directory.ErrNoKey)
	require.ErrorIs(t, scan("scanner", nobodys(9)), directory.ErrNoTokens)
	stats := d.Guard().Stats()
	require.EqualValues(t, 6, stats.Misses)
	require.EqualValues(t, 2, stats.Hits)
	require.EqualValues(t, 5, stats.Refused)
}

// scannedTwice scans two replicas at the same moment. What they have answered until they knew of each other is owed.
func scannedTwice(t *testing.T, d *desk) {
	var told, refused atomic.Int64
	var failed sync.Map
	var group sync.WaitGroup
	for i := range 40 {
		service := d.Service
		if i%2 == 0 {
			service = d.replica
		}
		group.Go(func() {
			_, err := service.LookUpKey(t.Context(), One, directory.LookUp{Text: nobodys(i), Customer: "scanner"})
			switch {
			case errors.Is(err, directory.ErrNoKey):
				told.Add(1)
			case errors.Is(err, directory.ErrNoTokens):
				refused.Add(1)
			default:
				failed.Store(i, err)
			}
		})
	}
	group.Wait()
	failed.Range(func(_, err any) bool {
		require.NoError(t, err.(error))
		return true
	})
	require.EqualValues(t, 5, told.Load())
	require.EqualValues(t, 35, refused.Load())
}

// honest looks up and pays, on two replicas in turn, far more often than a bucket has tokens.
func honest(t *testing.T, d *desk) {
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	for i := range 300 {
		service := d.Service
		if i%2 == 0 {
			service = d.replica
		}
		_, err := service.LookUpKey(t.Context(), Two, directory.LookUp{Text: ana.Document, Customer: bia.AccountID})
		require.NoError(t, err, "look-up %d", i)
		service.Initiated(Two, bia.AccountID)
		if i%10 == 0 {
			require.NoError(t, d.Guard().Flush(t.Context()))
			require.NoError(t, d.replica.Guard().Flush(t.Context()))
		}
	}
	require.NoError(t, d.Guard().Flush(t.Context()))
	require.NoError(t, d.replica.Guard().Flush(t.Context()))
	answer, err := d.LookUpKey(t.Context(), Two, directory.LookUp{Text: ana.Document, Customer: bia.AccountID})
	require.NoError(t, err)
	require.EqualValues(t, 99, answer.TokensLeft)
	// Who never pays may look up eighty keys.
	for i := range 81 {
		answer, err = d.LookUpKey(t.Context(), Two, directory.LookUp{Text: ana.Document, Customer: caio.AccountID})
		require.NoError(t, err)
		require.EqualValues(t, 99-i, answer.TokensLeft)
	}
	_, err = d.LookUpKey(t.Context(), Two, directory.LookUp{Text: ana.Document, Customer: caio.AccountID})
	require.ErrorIs(t, err, directory.ErrNoTokens)
	require.Equal(t, 30*time.Second, fault.Of(err).RetryAfter)
	require.NoError(t, d.Guard().Flush(t.Context()))
	_, err = d.replica.LookUpKey(t.Context(), Two, directory.LookUp{Text: ana.Document, Customer: caio.AccountID})
	require.ErrorIs(t, err, directory.ErrNoTokens, "the other replica knows")
}

func scanningBank(t *testing.T, d *desk) {
	service, err := directory.New(directory.Config{
		Store: d.store, Banks: d.banks, Secret: DirectorySecret, Now: d.clock.Now, Bank: directory.Rate{Most: 30, PerMinute: 3},
	})
	require.NoError(t, err)
	for i := range 10 {
		_, err = service.LookUpKey(t.Context(), One, directory.LookUp{Text: nobodys(i), Customer: fmt.Sprint("customer-", i)})
		require.ErrorIs(t, err, directory.ErrNoKey)
	}
	_, err = service.LookUpKey(t.Context(), One, directory.LookUp{Text: nobodys(0), Customer: "fresh"})
	require.ErrorIs(t, err, directory.ErrNoTokens)
	_, err = service.LookUpKey(t.Context(), One, directory.LookUp{Text: nobodys(0)})
	require.ErrorIs(t, err, directory.ErrNoTokens)
	require.Equal(t, time.Minute, fault.Of(err).RetryAfter)
	_, err = service.LookUpKey(t.Context(), Two, directory.LookUp{Text: nobodys(0)})
	require.ErrorIs(t, err, directory.ErrNoKey)
}

func asked(t *testing.T, d *desk) {
	d.have(t, who{One, ana}, key.Email, email)
	for range 5 {
		_, err := d.create(t, who{Two, bia}, key.Email, email)
		require.ErrorIs(t, err, directory.ErrTaken)
	}
	_, err := d.create(t, who{Two, bia}, key.Email, email)
	require.ErrorIs(t, err, directory.ErrNoTokens)
	for i := range 5 {
		_, err := d.claim(t, Two, caio, nobodys(i))
		require.ErrorIs(t, err, directory.ErrNoKey)
	}
	_, err = d.claim(t, Two, caio, nobodys(5))
	require.ErrorIs(t, err, directory.ErrNoTokens)
	_, err = d.create(t, who{One, bia}, key.Random, "")
	require.NoError(t, err, "an account of another bank is another one")
	for i := range 5 { // That a key waits for a code says that nobody has it.
		_, err = d.create(t, who{One, caio}, key.Email, nobodys(i))
		require.NoError(t, err)
	}
	_, err = d.create(t, who{One, caio}, key.Email, nobodys(5))
	require.ErrorIs(t, err, directory.ErrNoTokens)
}
