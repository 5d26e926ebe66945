package codepixtest

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"github.com/stretchr/testify/require"
)

// watched is a store that counts the reads of look-ups, and does something between a read and its answer.
type watched struct {
	directory.Store
	reads atomic.Int64
	after func()
}

// Find implements directory.Buckets.
func (w *watched) Find(ctx context.Context, k key.Key, who directory.BucketName) (directory.Found, error) {
	found, err := w.Store.Find(ctx, k, who)
	w.reads.Add(1)
	if after := w.after; after != nil {
		w.after = nil
		after()
	}
	return found, err
}

// watch makes a service of the desk on a watched store.
func (d *desk) watch(t *testing.T) *watched {
	t.Helper()
	w := &watched{Store: d.store}
	made, err := directory.New(directory.Config{Store: w, Banks: d.banks, Secret: DirectorySecret, Now: d.clock.Now})
	require.NoError(t, err)
	d.Service = made
	return w
}

// remembered looks up one key again and again: the store is asked once a second, for each customer, and the tokens are
// counted all the same.
func remembered(t *testing.T, d *desk) {
	w := d.watch(t)
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	before := w.reads.Load()
	look := func(customer string) (directory.Answer, error) {
		return d.LookUpKey(t.Context(), Two, directory.LookUp{Text: ana.Document, Customer: customer})
	}
	for i := range 50 {
		answer, err := look("payer")
		require.NoError(t, err)
		require.EqualValues(t, 99-i, answer.TokensLeft)
		if i%10 == 9 {
			require.NoError(t, d.Guard().Flush(t.Context()))
		}
	}
	require.EqualValues(t, 1, w.reads.Load()-before)
	for range 31 {
		_, err := look("payer")
		require.NoError(t, err)
	}
	_, err := look("payer")
	require.ErrorIs(t, err, directory.ErrNoTokens)
	_, err = look("another")
	require.NoError(t, err, "another customer is read once")
	require.EqualValues(t, 2, w.reads.Load()-before)
	d.clock.Advance(time.Second)
	_, err = look("another")
	require.NoError(t, err)
	require.EqualValues(t, 3, w.reads.Load()-before)
	for range 2 {
		_, err = d.LookUpKey(t.Context(), Two, directory.LookUp{Text: nobodys(1), Customer: "another"})
		require.ErrorIs(t, err, directory.ErrNoKey)
	}
	require.EqualValues(t, 5, w.reads.Load()-before, "that nobody has a key is not remembered")
}

// outdated changes a key that look-ups remember: at once where it was changed, and within a second elsewhere.
func outdated(t *testing.T, d *desk) {
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	look := func(at *directory.Service) error {
		_, err := at.LookUpKey(t.Context(), Two, directory.LookUp{Text: ana.Document, Customer: bia.AccountID})
		return err
	}
	require.NoError(t, look(d.Service))
	require.NoError(t, look(d.replica))
	require.NoError(t, d.DeleteKey(t.Context(), One, &directory.Deletion{RequestID: "d", Text: ana.Document, AccountID: ana.AccountID}))
	require.ErrorIs(t, look(d.Service), directory.ErrNoKey)
	d.clock.Advance(time.Second)
	require.ErrorIs(t, look(d.replica), directory.ErrNoKey)
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	require.NoError(t, look(d.replica), "a new key is there at once, at every replica")
	d.clock.Advance(-time.Minute)
	require.NoError(t, d.DeleteKey(t.Context(), One, &directory.Deletion{RequestID: "e", Text: ana.Document, AccountID: ana.AccountID}))
	require.ErrorIs(t, look(d.replica), directory.ErrNoKey, "a clock that goes back makes nothing last longer")
}

// overtaken deletes a key between the read of a look-up and its answer. What was read is not remembered.
func overtaken(t *testing.T, d *desk) {
	w := d.watch(t)
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	ask := directory.LookUp{Text: ana.Document, Customer: bia.AccountID}
	w.after = func() {
		require.NoError(t, d.DeleteKey(t.Context(), One, &directory.Deletion{RequestID: "d", Text: ana.Document, AccountID: ana.AccountID}))
	}
	_, err := d.LookUpKey(t.Context(), Two, ask)
	require.NoError(t, err, "it was so when it was asked")
	_, err = d.LookUpKey(t.Context(), Two, ask)
	require.ErrorIs(t, err, directory.ErrNoKey)
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	w.after = func() { // Tokens that are taken meanwhile stay taken.
		for i := range 4 {
			_, err := d.LookUpKey(t.Context(), Two, directory.LookUp{Text: nobodys(i), Customer: "payer"})
			require.ErrorIs(t, err, directory.ErrNoKey)
		}
	}
	ask.Customer = "payer"
	_, err = d.LookUpKey(t.Context(), Two, ask)
	require.NoError(t, err)
	_, err = d.LookUpKey(t.Context(), Two, ask)
	require.ErrorIs(t, err, directory.ErrNoTokens, "19 are left, and a look-up needs 20")
}
