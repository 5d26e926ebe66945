package postgres

import (
	"testing"
	"time"

	"codebank.dev/bank"
	"github.com/stretchr/testify/require"
)

// cachedHold is a cache in which this process has read an account at version 5 and placed a hold on it.
func cachedHold() (*accountCache, bank.Keys) {
	c := newAccountCache()
	account, hold := bank.Account{ID: bank.ID{1}}, bank.ID{2}
	seen := newView(c.epoch.Load(), 1)
	seen.add(accountState{account: account, version: 5, readAt: 5})
	c.store(seen, &bank.Changes{Accounts: []bank.Account{account}, Entries: []*bank.Entry{{
		TransactionID: hold, AccountID: account.ID, Kind: bank.KindHold, Status: bank.Approved, HoldExpiresAt: time.Now(),
	}}})
	return c, bank.Keys{Accounts: []bank.ID{account.ID}, Originals: []bank.ID{hold}}
}

// write commits a batch on the cached accounts.
func write(t *testing.T, c *accountCache, keys *bank.Keys, entries ...*bank.Entry) {
	t.Helper()
	seen, _, ok := c.load(keys)
	require.True(t, ok)
	c.store(seen, &bank.Changes{Accounts: []bank.Account{{ID: keys.Accounts[0]}}, Entries: entries})
}

func TestAHoldIsReadUnlessItsAccountsVersionProvesThatItIsOpen(t *testing.T) {
	for name, test := range map[string]struct {
		before func(t *testing.T, c *accountCache, keys *bank.Keys)
		known  bool
	}{
		"after its commit": {func(*testing.T, *accountCache, *bank.Keys) {}, true},
		"after other commits of this process": {func(t *testing.T, c *accountCache, keys *bank.Keys) {
			write(t, c, keys)
			write(t, c, keys, &bank.Entry{TransactionID: bank.ID{3}, Kind: bank.KindCapture, Status: bank.Approved, DebitAccount: keys.Accounts[0], OriginalID: bank.ID{4}})
		}, true},
		"ended by this process": {func(t *testing.T, c *accountCache, keys *bank.Keys) {
			write(t, c, keys, &bank.Entry{TransactionID: bank.ID{3}, Kind: bank.KindCapture, Status: bank.Approved, DebitAccount: keys.Accounts[0], OriginalID: keys.Originals[0]})
		}, false},
		"the account is not cached": {func(_ *testing.T, c *accountCache, keys *bank.Keys) {
			seen, _, _ := c.load(keys)
			c.evict(seen)
		}, false},
		"the account was read again": {func(t *testing.T, c *accountCache, keys *bank.Keys) {
			seen := newView(c.epoch.Load(), 1)
			seen.add(accountState{account: bank.Account{ID: keys.Accounts[0]}, version: 6, readAt: 6})
			c.store(seen, &bank.Changes{Accounts: []bank.Account{{ID: keys.Accounts[0]}}})
		}, false},
		"an older state of the account": {func(_ *testing.T, c *accountCache, keys *bank.Keys) {
			seen := newView(c.epoch.Load(), 1)
			seen.add(accountState{account: bank.Account{ID: keys.Accounts[0]}, version: 4, readAt: 4})
			c.store(seen, &bank.Changes{Accounts: []bank.Account{{ID: keys.Accounts[0]}}})
		}, false},
		"the database may have been restored": {func(t *testing.T, c *accountCache, keys *bank.Keys) {
			kept, _ := c.holds.entries.Get(keys.Originals[0])
			c.clear()
			c.holds.entries.Put(keys.Originals[0], kept) // A commit from before that comes late.
			seen := newView(c.epoch.Load(), 1)
			seen.add(accountState{account: bank.Account{ID: keys.Accounts[0]}, version: 5, readAt: 5})
			c.store(seen, &bank.Changes{Accounts: []bank.Account{{ID: keys.Accounts[0]}}})
		}, false},
		"it is read anyway": {func(_ *testing.T, _ *accountCache, keys *bank.Keys) {
			keys.Transactions = keys.Originals
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			c, keys := cachedHold()
			test.before(t, c, &keys)
			seen, missing, ok := c.load(&keys)
			require.True(t, ok)
			if test.known {
				require.Len(t, seen.openHolds, 1)
				require.Empty(t, missing.Originals)
			} else {
				require.Empty(t, seen.openHolds)
				require.Equal(t, keys.Originals, missing.Originals)
			}
		})
	}
}
