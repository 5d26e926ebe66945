package codepixtest

import (
	"fmt"
	"testing"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

// pad returns nine digits.
func pad(number int) string { return fmt.Sprintf("%09d", number) }

// opened is a claim of bia's, at the second bank, of ana's address. It waits for ana.
func (d *desk) opened(t *testing.T) directory.Claim {
	t.Helper()
	d.have(t, who{One, ana}, key.Email, email)
	claim, err := d.claim(t, Two, bia, email)
	require.NoError(t, err)
	require.Equal(t, directory.ClaimPending, claim.State)
	_, err = d.EndClaim(t.Context(), One, claim.Name(), directory.Consent)
	require.ErrorIs(t, err, directory.ErrNotProved)
	entry, err := d.confirm(t, who{Two, bia}, email, d.code(t, key.Email, email))
	require.NoError(t, err)
	require.Equal(t, One, entry.Account.BankCode, "the key is the donor's until the claim ends")
	claims, _, err := d.ListClaims(t.Context(), One, directory.List{AccountID: ana.AccountID}, directory.ClaimPlace{})
	require.NoError(t, err)
	require.Len(t, claims, 1)
	require.Equal(t, directory.ClaimOpen, claims[0].State)
	require.Equal(t, d.clock.Now().Add(directory.DefaultClaimPeriod), claims[0].ResolveAt)
	return claims[0]
}

func consented(t *testing.T, d *desk) {
	claim := d.opened(t)
	_, err := d.claim(t, One, caio, email)
	require.ErrorIs(t, err, directory.ErrClaimed)
	_, err = d.EndClaim(t.Context(), Two, claim.Name(), directory.Consent)
	require.ErrorIs(t, err, directory.ErrPart, "the claimer does not consent")
	_, err = d.EndClaim(t.Context(), One, claim.Name(), directory.Complete)
	require.ErrorIs(t, err, directory.ErrPart)
	d.requireOwner(t, email, One, ana)
	ended, err := d.EndClaim(t.Context(), One, claim.Name(), directory.Consent)
	require.NoError(t, err)
	require.Equal(t, directory.ClaimCompleted, ended.State)
	d.requireOwner(t, email, Two, bia)
	again, err := d.EndClaim(t.Context(), One, claim.Name(), directory.Consent)
	require.NoError(t, err, "a repeat")
	require.Equal(t, ended, again)
	_, err = d.EndClaim(t.Context(), Two, claim.Name(), directory.Cancel)
	require.ErrorIs(t, err, directory.ErrEnded)
	require.ErrorIs(t, d.DeleteKey(t.Context(), One, &directory.Deletion{RequestID: "d", Text: email, AccountID: ana.AccountID}), directory.ErrNoKey)
}

func silent(t *testing.T, d *desk) {
	claim := d.opened(t)
	d.clock.Advance(directory.DefaultClaimPeriod - time.Second)
	_, err := d.EndClaim(t.Context(), Two, claim.Name(), directory.Complete)
	require.ErrorIs(t, err, directory.ErrNotDue)
	d.requireOwner(t, email, One, ana)
	d.clock.Advance(time.Second)
	_, err = d.EndClaim(t.Context(), Two, claim.Name(), directory.Complete)
	require.NoError(t, err)
	d.requireOwner(t, email, Two, bia)
}

func kept(t *testing.T, d *desk) {
	claim := d.opened(t)
	_, err := d.EndClaim(t.Context(), One, claim.Name(), directory.Cancel)
	require.ErrorIs(t, err, directory.ErrDonorNotProved)
	d.clock.Advance(directory.CodePause)
	_, err = d.confirm(t, who{One, ana}, email, "")
	require.NoError(t, err)
	_, err = d.confirm(t, who{One, ana}, email, d.code(t, key.Email, email))
	require.NoError(t, err)
	ended, err := d.EndClaim(t.Context(), One, claim.Name(), directory.Cancel)
	require.NoError(t, err)
	require.Equal(t, directory.ClaimCancelled, ended.State)
	_, err = d.EndClaim(t.Context(), Two, claim.Name(), directory.Complete)
	require.ErrorIs(t, err, directory.ErrEnded)
	d.requireOwner(t, email, One, ana)
	d.clock.Advance(time.Hour)
	again, err := d.claim(t, Two, bia, email)
	require.NoError(t, err, "another claim")
	require.NotEqual(t, claim.ID, again.ID)
	given, err := d.EndClaim(t.Context(), Two, again.Name(), directory.Cancel)
	require.NoError(t, err, "the claimer gives up")
	require.Equal(t, directory.ClaimCancelled, given.State)
}

func claimedCPF(t *testing.T, d *desk) {
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	_, err := d.claim(t, Two, bia, ana.Document)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
	_, err = d.claim(t, One, ana, ana.Document)
	require.ErrorIs(t, err, directory.ErrOwned)
	request := &directory.Registration{RequestID: "c", Text: ana.Document, Account: ana}
	claim, err := d.CreateClaim(t.Context(), Two, request)
	require.NoError(t, err)
	require.Equal(t, directory.ClaimOpen, claim.State, "no code is sent to a CPF")
	_, err = d.EndClaim(t.Context(), One, claim.Name(), directory.Consent)
	require.NoError(t, err)
	again, err := d.replica.CreateClaim(t.Context(), Two, request)
	require.NoError(t, err)
	require.Equal(t, claim, again, "the first outcome")
	d.requireOwner(t, ana.Document, Two, ana)
	made, err := d.create(t, who{One, ana}, key.Random, "")
	require.NoError(t, err)
	_, err = d.claim(t, Two, bia, made.Key.Text)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), "a random key is nobody else's")
}

func unproved(t *testing.T, d *desk) {
	d.have(t, who{One, ana}, key.Email, email)
	idle, err := d.claim(t, Two, caio, email)
	require.NoError(t, err)
	claims, _, err := d.ListClaims(t.Context(), One, directory.List{}, directory.ClaimPlace{})
	require.NoError(t, err)
	require.Empty(t, claims, "the donor does not see it")
	d.deliver(t)
	claim, err := d.claim(t, Two, bia, email)
	require.NoError(t, err)
	_, err = d.confirm(t, who{Two, bia}, email, d.code(t, key.Email, email))
	require.NoError(t, err)
	_, err = d.EndClaim(t.Context(), One, claim.Name(), directory.Consent)
	require.NoError(t, err)
	d.requireOwner(t, email, Two, bia)
	d.clock.Advance(directory.CodePause)
	_, err = d.confirm(t, who{Two, caio}, email, "")
	require.NoError(t, err)
	_, err = d.confirm(t, who{Two, caio}, email, d.code(t, key.Email, email))
	require.NoError(t, err)
	ended, err := d.EndClaim(t.Context(), Two, idle.Name(), directory.Consent)
	require.NoError(t, err, "it is a claim against who has the key now")
	require.Equal(t, bia.AccountID, ended.Donor.AccountID.String())
	d.requireOwner(t, email, Two, caio)
}

func deletedClaimed(t *testing.T, d *desk) {
	d.opened(t)
	require.NoError(t, d.DeleteKey(t.Context(), One, &directory.Deletion{RequestID: "d", Text: email, AccountID: ana.AccountID}))
	d.requireOwner(t, email, Two, bia)
}

func walls(t *testing.T, d *desk) {
	claim := d.opened(t)
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	deletion := &directory.Deletion{RequestID: "d", Text: ana.Document, AccountID: ana.AccountID}
	require.ErrorIs(t, d.DeleteKey(t.Context(), Two, deletion), directory.ErrNoKey)
	require.ErrorIs(t, d.DeleteKey(t.Context(), One, &directory.Deletion{RequestID: "e", Text: ana.Document, AccountID: bia.AccountID}), directory.ErrNoKey)
	_, err := d.confirm(t, who{Two, ana}, email, "")
	require.ErrorIs(t, err, directory.ErrNoKey)
	_, err = d.EndClaim(t.Context(), "003", claim.Name(), directory.Cancel)
	require.ErrorIs(t, err, directory.ErrNoClaim)
	_, err = d.EndClaim(t.Context(), One, directory.ClaimPrefix+AccountID(9), directory.Cancel)
	require.ErrorIs(t, err, directory.ErrNoClaim)
	for _, list := range []directory.List{{}, {AccountID: ana.AccountID}} {
		entries, more, err := d.ListKeys(t.Context(), Two, list, directory.Place{})
		require.NoError(t, err)
		require.False(t, more)
		require.Empty(t, entries)
		claims, _, err := d.ListClaims(t.Context(), "003", list, directory.ClaimPlace{})
		require.NoError(t, err)
		require.Empty(t, claims)
	}
	foreign := ana
	foreign.BankCode = Two
	_, err = d.create(t, who{One, foreign}, key.Random, "")
	require.Equal(t, "account.bank_code", fault.Of(err).Field)
}

func pages(t *testing.T, d *desk) {
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	for i := range 4 {
		d.have(t, who{One, ana}, key.Random, "")
		d.have(t, who{One, bia}, key.Email, fmt.Sprintf("bia%d@exemplo.com", i))
		_, err := d.claim(t, Two, caio, fmt.Sprintf("bia%d@exemplo.com", i))
		require.NoError(t, err)
	}
	_, err := d.create(t, who{One, caio}, key.Email, "bia0@exemplo.com")
	require.ErrorIs(t, err, directory.ErrTaken)
	_, err = d.create(t, who{One, ana}, key.Email, "pending@exemplo.com")
	require.NoError(t, err)
	_, err = d.create(t, who{One, bia}, key.Email, "pending@exemplo.com")
	require.NoError(t, err)
	for accountID, want := range map[string]int{"": 11, ana.AccountID: 6, bia.AccountID: 5, caio.AccountID: 0} {
		var all []directory.Entry
		for after, more := (directory.Place{}), true; more; {
			var page []directory.Entry
			page, more, err = d.ListKeys(t.Context(), One, directory.List{AccountID: accountID, Size: 2}, after)
			require.NoError(t, err)
			if all = append(all, page...); more {
				last := page[len(page)-1]
				after = directory.Place{Key: last.Key, Account: last.Account.AccountID}
			}
		}
		require.Len(t, all, want)
		whole, more, err := d.ListKeys(t.Context(), One, directory.List{AccountID: accountID}, directory.Place{})
		require.NoError(t, err)
		require.False(t, more)
		if want > 0 {
			require.Equal(t, whole, all)
		}
	}
	var all []directory.Claim
	for before, more := (directory.ClaimPlace{}), true; more; {
		var page []directory.Claim
		page, more, err = d.ListClaims(t.Context(), Two, directory.List{AccountID: caio.AccountID, Size: 3}, before)
		require.NoError(t, err)
		last := page[len(page)-1]
		all, before = append(all, page...), directory.ClaimPlace{CreatedAt: last.CreatedAt, ID: last.ID}
	}
	whole, _, err := d.ListClaims(t.Context(), Two, directory.List{}, directory.ClaimPlace{})
	require.NoError(t, err)
	require.Len(t, whole, 4)
	require.Equal(t, whole, all)
	_, _, err = d.ListKeys(t.Context(), One, directory.List{Size: -1}, directory.Place{})
	require.Equal(t, "page_size", fault.Of(err).Field)
}

func sentAgain(t *testing.T, d *desk) {
	d.mailbox.refuses = true
	_, err := d.create(t, who{One, ana}, key.Email, email)
	require.NoError(t, err)
	_, err = d.mailer.SendNext(t.Context())
	require.Error(t, err)
	sent, err := d.mailer.SendNext(t.Context())
	require.NoError(t, err)
	require.False(t, sent, "it waits")
	d.clock.Advance(3 * time.Second)
	d.mailbox.refuses = false
	_, err = d.confirm(t, who{One, ana}, email, d.code(t, key.Email, email))
	require.NoError(t, err)

	d.mailbox.refuses = true
	_, err = d.create(t, who{One, ana}, key.Phone, phone)
	require.NoError(t, err)
	for range directory.CodeTries {
		_, err = d.mailer.SendNext(t.Context())
		require.Error(t, err)
		d.clock.Advance(time.Hour)
	}
	sent, err = d.mailer.SendNext(t.Context())
	require.NoError(t, err)
	require.False(t, sent, "it is given up")
}

func pruned(t *testing.T, d *desk) {
	customer, bank := directory.Rate{Most: 100, PerMinute: 2}, directory.Rate{Most: 1000, PerMinute: 100}
	prune := func() { require.NoError(t, d.store.Prune(t.Context(), d.clock.Now(), customer, bank)) }
	d.have(t, who{One, ana}, key.CPF, ana.Document)
	_, err := d.create(t, who{One, ana}, key.Email, email)
	require.NoError(t, err)
	bucket := directory.BucketName{BankCode: One, Customer: "ana"}
	_, err = d.store.Spend(t.Context(), d.clock.Now(), []directory.Spending{
		{Name: directory.BucketName{BankCode: One}, Rate: bank, Level: 100 * directory.Token}, {Name: bucket, Rate: customer, Level: 20 * directory.Token},
	})
	require.NoError(t, err)
	kept := func() (keys int, bankBucket, customerBucket bool) {
		entries, _, err := d.ListKeys(t.Context(), One, directory.List{}, directory.Place{})
		require.NoError(t, err)
		found, err := d.store.Find(t.Context(), key.Key{Kind: key.CPF, Text: ana.Document}, bucket)
		require.NoError(t, err)
		require.NotNil(t, found.Active)
		return len(entries), found.Bank != nil, found.Customer != nil
	}
	require.NoError(t, d.Guard().Flush(t.Context()))
	prune()
	keys, bankBucket, customerBucket := kept()
	require.Equal(t, []any{2, true, true}, []any{keys, bankBucket, customerBucket})
	d.clock.Advance(2 * time.Minute)
	prune()
	keys, bankBucket, customerBucket = kept()
	require.Equal(t, []any{2, false, true}, []any{keys, bankBucket, customerBucket}, "a full bucket is none")
	d.clock.Advance(24 * time.Hour)
	prune()
	keys, _, customerBucket = kept()
	require.Equal(t, []any{1, false}, []any{keys, customerBucket})
	sent, err := d.mailer.SendNext(t.Context())
	require.NoError(t, err)
	require.False(t, sent)
}
