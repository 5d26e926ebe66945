package postgres

import (
	"codebank.dev/bank"
	"codebank.dev/platform/cache"
)

// cachedHolds is how many open holds each of the two generations of the cache holds; together they take
// at most about 40 MB.
const cachedHolds = 20_000

// openHoldCache keeps holds that this process placed and that it has not ended. Their entries never
// change. Whether a hold is still open is proved by the version of its account: what ends a hold makes a
// new version, and the cached versions of an account after accountState.readAt are all made by this
// process.
type openHoldCache struct {
	entries *cache.Map[bank.ID, openHold]
}

// openHold is a hold that was placed by a version of its account, in an epoch of the cache.
type openHold struct {
	entry   *bank.Entry
	version int64
	epoch   int64
}

func newOpenHoldCache() *openHoldCache {
	return &openHoldCache{entries: cache.New[bank.ID, openHold](cachedHolds)}
}

// find returns the entry of a hold that is open at the version that its account has in seen; nil when that
// is not known.
//
// The account was read before the hold was placed, and this process made each version since then. Had it
// ended the hold by one of them, store would have dropped the hold before the account got that version.
func (c *openHoldCache) find(id bank.ID, seen *view) *bank.Entry {
	hold, ok := c.entries.Get(id)
	if !ok || hold.epoch != seen.epoch {
		return nil
	}
	i, ok := seen.index[hold.entry.AccountID]
	if !ok || hold.version <= seen.accounts[i].readAt || hold.version > seen.accounts[i].version {
		return nil
	}
	return hold.entry
}

// store drops the holds that the entries of a committed batch ended, and keeps those that they placed.
// left is the accounts as the batch left them.
func (c *openHoldCache) store(left *view, entries []*bank.Entry) {
	opened, ended := openHolds(entries)
	for _, id := range ended {
		c.entries.Delete(id)
	}
	for _, entry := range opened {
		c.entries.Put(entry.TransactionID, openHold{entry: entry, version: left.version(entry.AccountID), epoch: left.epoch})
	}
}
