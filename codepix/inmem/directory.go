package inmem

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/id"
)

var _ directory.Store = (*Directory)(nil)

// requestKey is a bank's request id.
type requestKey struct{ bank, request string }

// sending is how far the sending of a code is.
type sending struct {
	due   directory.Due
	tries int
	next  time.Time
}

// Directory is keys and claims in memory. Make one with NewDirectory. It is safe for concurrent use.
type Directory struct {
	banks directory.Banks

	mutex    sync.Mutex
	records  map[key.Key]*directory.Record
	requests map[requestKey]directory.Request
	tallies  map[string]map[key.Kind]directory.Tally
	keyIDs   map[string]string
	buckets  map[directory.BucketName]directory.Bucket
	sendings []sending
}

// NewDirectory returns an empty Directory.
func NewDirectory(banks directory.Banks) *Directory {
	return &Directory{
		banks: banks, records: map[key.Key]*directory.Record{}, requests: map[requestKey]directory.Request{},
		tallies: map[string]map[key.Kind]directory.Tally{}, keyIDs: map[string]string{},
		buckets: map[directory.BucketName]directory.Bucket{},
	}
}

// record returns all that is known of a key.
func (d *Directory) record(k key.Key) *directory.Record {
	if known := d.records[k]; known != nil {
		return known
	}
	return &directory.Record{Key: k}
}

// Change implements directory.Keys.
func (d *Directory) Change(_ context.Context, change directory.Change, decide func(*directory.Record) error) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	before := d.record(change.Key)
	after := before.Clone()
	after.Claims = slices.DeleteFunc(after.Claims, func(c directory.Claim) bool {
		return c.State >= directory.ClaimCompleted && c.ID != change.Claim
	})
	request := requestKey{change.Party.BankCode, change.RequestID}
	known, repeated := d.requests[request]
	if repeated && change.RequestID != "" {
		after.Request = &known
	}
	after.OfParty = len(d.entries(func(e *directory.Entry) bool { return e.Account.Party == change.Party }))
	if err := decide(after); err != nil {
		return err
	}
	if after.Request != nil {
		d.requests[request] = *after.Request
	}
	d.keep(before, after)
	return nil
}

// keep replaces a record by a changed one.
func (d *Directory) keep(before, after *directory.Record) {
	for _, claim := range before.Claims {
		if !slices.ContainsFunc(after.Claims, func(c directory.Claim) bool { return c.ID == claim.ID }) {
			after.Claims = append(after.Claims, claim) // It has ended and was not asked for.
		}
	}
	for _, proof := range after.Proofs {
		d.send(after.Key, before.Proofs, proof)
	}
	d.count(before.Active, -1)
	d.count(after.Active, 1)
	after.Request = nil
	d.records[after.Key] = after
}

// send makes a code due that was asked for anew.
func (d *Directory) send(k key.Key, before []directory.Proof, proof directory.Proof) {
	known := slices.ContainsFunc(before, func(p directory.Proof) bool {
		return p.Party == proof.Party && p.RequestedAt.Equal(proof.RequestedAt)
	})
	if known {
		return
	}
	d.sent(directory.Due{Key: k, Party: proof.Party})
	due := directory.Due{Key: k, Party: proof.Party, RequestedAt: proof.RequestedAt}
	d.sendings = append(d.sendings, sending{due: due, next: proof.RequestedAt})
}

// sent takes a code of a key and an account out of those that are due.
func (d *Directory) sent(due directory.Due) {
	d.sendings = slices.DeleteFunc(d.sendings, func(s sending) bool { return s.due.Key == due.Key && s.due.Party == due.Party })
}

// count adds an active entry to its bank's tally or, if by is -1, takes it out.
func (d *Directory) count(entry *directory.Entry, by int64) {
	if entry == nil {
		return
	}
	code := entry.Account.BankCode
	bank, known := d.banks.Bank(code)
	if !known {
		return
	}
	if d.tallies[code] == nil || d.keyIDs[code] != bank.Digester.KeyID() {
		d.tallies[code], d.keyIDs[code] = d.recount(bank), bank.Digester.KeyID()
	}
	d.tallies[code][entry.Key.Kind] = d.tallies[code][entry.Key.Kind].Add(bank.Digester.Digest(entry), by)
}

// recount sums up the active keys of a bank.
func (d *Directory) recount(bank directory.Bank) map[key.Kind]directory.Tally {
	tallies := map[key.Kind]directory.Tally{}
	for _, entry := range d.entries(func(e *directory.Entry) bool {
		return e.Account.BankCode == bank.Code && e.State == directory.Active
	}) {
		tallies[entry.Key.Kind] = tallies[entry.Key.Kind].Add(bank.Digester.Digest(&entry), 1)
	}
	return tallies
}

// entries returns entries in the order of their places.
func (d *Directory) entries(are func(*directory.Entry) bool) (found []directory.Entry) {
	for _, record := range d.records {
		all := record.Pending
		if record.Active != nil {
			all = append(slices.Clone(all), *record.Active)
		}
		for i := range all {
			if are(&all[i]) {
				found = append(found, all[i])
			}
		}
	}
	slices.SortFunc(found, func(a, b directory.Entry) int { return comparePlaces(placeOf(&a), placeOf(&b)) })
	return found
}

func placeOf(e *directory.Entry) directory.Place {
	return directory.Place{Key: e.Key, Account: e.Account.AccountID}
}

func comparePlaces(a, b directory.Place) int {
	return cmp.Or(cmp.Compare(a.Key.Kind, b.Key.Kind), strings.Compare(a.Key.Text, b.Key.Text), bytes.Compare(a.Account[:], b.Account[:]))
}

// Entries implements directory.Keys.
func (d *Directory) Entries(_ context.Context, query directory.EntryQuery) ([]directory.Entry, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	found := d.entries(func(e *directory.Entry) bool {
		return e.Account.BankCode == query.BankCode && (query.Account.IsZero() || e.Account.AccountID == query.Account) &&
			comparePlaces(placeOf(e), query.After) > 0
	})
	return found[:min(len(found), query.Size)], nil
}

// Claim implements directory.Claims.
func (d *Directory) Claim(_ context.Context, claim id.ID) (directory.Claim, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	found := d.claims(func(c *directory.Claim) bool { return c.ID == claim })
	if len(found) == 0 {
		return directory.Claim{}, directory.ErrNoClaim
	}
	return found[0], nil
}

// ClaimsOf implements directory.Claims.
func (d *Directory) ClaimsOf(_ context.Context, query directory.ClaimQuery) ([]directory.Claim, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	is := func(p directory.Party) bool {
		return p.BankCode == query.BankCode && (query.Account.IsZero() || p.AccountID == query.Account)
	}
	found := d.claims(func(c *directory.Claim) bool {
		later := !query.Before.ID.IsZero() && compareClaims(directory.ClaimPlace{CreatedAt: c.CreatedAt, ID: c.ID}, query.Before) <= 0
		return !later && (is(c.Claimer.Party) || is(c.Donor.Party) && c.State != directory.ClaimPending)
	})
	return found[:min(len(found), query.Size)], nil
}

// claims returns claims, the newest first.
func (d *Directory) claims(are func(*directory.Claim) bool) (found []directory.Claim) {
	for _, record := range d.records {
		for i := range record.Claims {
			if are(&record.Claims[i]) {
				found = append(found, record.Claims[i])
			}
		}
	}
	slices.SortFunc(found, func(a, b directory.Claim) int {
		return compareClaims(directory.ClaimPlace{CreatedAt: a.CreatedAt, ID: a.ID}, directory.ClaimPlace{CreatedAt: b.CreatedAt, ID: b.ID})
	})
	return found
}

// compareClaims orders the newest claim first.
func compareClaims(a, b directory.ClaimPlace) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), bytes.Compare(b.ID[:], a.ID[:]))
}

// TalliesOf implements directory.Tallies.
func (d *Directory) TalliesOf(_ context.Context, bankCode string) (map[key.Kind]directory.Tally, string, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	bank, known := d.banks.Bank(bankCode)
	if !known {
		return nil, "", directory.ErrNoBank
	}
	if d.keyIDs[bankCode] != bank.Digester.KeyID() {
		d.tallies[bankCode], d.keyIDs[bankCode] = d.recount(bank), bank.Digester.KeyID()
	}
	tallies := map[key.Kind]directory.Tally{}
	for kind, tally := range d.tallies[bankCode] {
		if tally.Count != 0 {
			tallies[kind] = tally
		}
	}
	return tallies, bank.Digester.KeyID(), nil
}

// Recount implements directory.Tallies.
func (d *Directory) Recount(_ context.Context, bankCode string) (map[key.Kind]directory.Tally, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	bank, known := d.banks.Bank(bankCode)
	if !known {
		return nil, directory.ErrNoBank
	}
	return d.recount(bank), nil
}
