package inmem

import (
	"context"
	"slices"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
)

// DueCode implements directory.Codes.
func (d *Directory) DueCode(_ context.Context, now time.Time) (directory.Due, bool, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for i := range d.sendings {
		s := &d.sendings[i]
		if s.tries < directory.CodeTries && !s.next.After(now) {
			s.tries++
			s.next = now.Add(time.Second << s.tries)
			return s.due, true, nil
		}
	}
	return directory.Due{}, false, nil
}

// StoreCode implements directory.Codes.
func (d *Directory) StoreCode(_ context.Context, due directory.Due, hash directory.Hash, expiresAt time.Time) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	proofs := d.record(due.Key).Proofs
	for i := range proofs {
		p := &proofs[i]
		if p.Party == due.Party && p.RequestedAt.Equal(due.RequestedAt) && !p.Used {
			p.Hash, p.ExpiresAt, p.Attempts = hash, expiresAt, 0
		}
	}
	return nil
}

// CodeSent implements directory.Codes.
func (d *Directory) CodeSent(_ context.Context, due directory.Due) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	if slices.ContainsFunc(d.sendings, func(s sending) bool { return s.due == due }) {
		d.sent(due)
	}
	return nil
}

// Find implements directory.Buckets.
func (d *Directory) Find(_ context.Context, k key.Key, who directory.BucketName) (directory.Found, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	found := directory.Found{Active: d.record(k).Clone().Active}
	if bucket, taken := d.buckets[directory.BucketName{BankCode: who.BankCode}]; taken {
		found.Bank = &bucket
	}
	if bucket, taken := d.buckets[who]; taken && who.Customer != "" {
		found.Customer = &bucket
	}
	return found, nil
}

// Spend implements directory.Buckets.
func (d *Directory) Spend(_ context.Context, now time.Time, spendings []directory.Spending) ([]directory.Bucket, error) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	var after []directory.Bucket
	for _, s := range spendings {
		bucket, known := d.buckets[s.Name]
		if !known {
			bucket = s.Rate.Full(now)
		}
		d.buckets[s.Name] = s.Rate.Taken(bucket, s.Level, now)
		after = append(after, d.buckets[s.Name])
	}
	return after, nil
}

// unproved is how long what is not proved is kept.
const unproved = 24 * time.Hour

// Prune implements directory.Buckets.
func (d *Directory) Prune(_ context.Context, now time.Time, customer, bank directory.Rate) error {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for name, bucket := range d.buckets {
		rate := customer
		if name.Customer == "" {
			rate = bank
		}
		if !rate.FullAt(bucket).After(now) {
			delete(d.buckets, name)
		}
	}
	old := now.Add(-unproved)
	d.sendings = slices.DeleteFunc(d.sendings, func(s sending) bool { return s.due.RequestedAt.Before(old) })
	for _, record := range d.records {
		record.Pending = slices.DeleteFunc(record.Pending, func(e directory.Entry) bool { return e.CreatedAt.Before(old) })
		record.Proofs = slices.DeleteFunc(record.Proofs, func(p directory.Proof) bool { return p.RequestedAt.Before(old) })
		for i := range record.Claims {
			if c := &record.Claims[i]; c.State == directory.ClaimPending && c.CreatedAt.Before(old) {
				c.State = directory.ClaimCancelled
			}
		}
	}
	return nil
}
