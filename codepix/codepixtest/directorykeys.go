package codepixtest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/fault"
	"github.com/stretchr/testify/require"
)

func registeredOnce(t *testing.T, d *desk) {
	request := &directory.Registration{RequestID: "r1", Kind: key.CPF, Text: "529.982.247-25", Account: ana}
	first, err := d.CreateKey(t.Context(), One, request)
	require.NoError(t, err)
	require.Equal(t, directory.Active, first.State)
	require.Equal(t, key.Key{Kind: key.CPF, Text: ana.Document}, first.Key)
	require.Equal(t, Start, first.CreatedAt)
	d.clock.Advance(time.Hour)
	again, err := d.replica.CreateKey(t.Context(), One, request)
	require.NoError(t, err)
	require.Equal(t, first, again)
	d.requireOwner(t, ana.Document, One, ana)

	_, err = d.create(t, who{One, ana}, key.CPF, ana.Document)
	require.ErrorIs(t, err, directory.ErrOwned)
	_, err = d.create(t, who{Two, ana}, key.CPF, ana.Document)
	require.ErrorIs(t, err, directory.ErrTaken)

	deletion := &directory.Deletion{RequestID: "r2", Kind: key.CPF, Text: ana.Document, AccountID: ana.AccountID}
	require.NoError(t, d.DeleteKey(t.Context(), One, deletion))
	require.NoError(t, d.replica.DeleteKey(t.Context(), One, deletion), "a repeat")
	_, _, err = d.lookUp(t, ana.Document)
	require.ErrorIs(t, err, directory.ErrNoKey)
	again, err = d.CreateKey(t.Context(), One, request)
	require.NoError(t, err)
	require.Equal(t, first, again, "the first outcome, for ever")
	_, _, err = d.lookUp(t, ana.Document)
	require.ErrorIs(t, err, directory.ErrNoKey, "and nothing is done")
	d.have(t, who{Two, ana}, key.CPF, ana.Document)
	d.requireOwner(t, ana.Document, Two, ana)
}

func reused(t *testing.T, d *desk) {
	request := directory.Registration{RequestID: "r1", Kind: key.CPF, Text: ana.Document, Account: ana}
	_, err := d.CreateKey(t.Context(), One, &request)
	require.NoError(t, err)
	for what, change := range map[string]func(*directory.Registration){
		"another key":      func(r *directory.Registration) { r.Kind, r.Text = key.Email, email },
		"another account":  func(r *directory.Registration) { r.Account.AccountID = bia.AccountID },
		"another name":     func(r *directory.Registration) { r.Account.Name = "Ana" },
		"another document": func(r *directory.Registration) { r.Kind, r.Text, r.Account.Document = key.Random, "", bia.Document },
	} {
		other := request
		change(&other)
		_, err := d.CreateKey(t.Context(), One, &other)
		require.ErrorIs(t, err, directory.ErrReused, what)
	}
	require.ErrorIs(t, d.DeleteKey(t.Context(), One, &directory.Deletion{RequestID: "r1", Text: ana.Document, AccountID: ana.AccountID}), directory.ErrReused)
	_, err = d.CreateKey(t.Context(), Two, &directory.Registration{RequestID: "r1", Kind: key.Random, Account: bia})
	require.NoError(t, err, "each bank has request ids of its own")
}

func random(t *testing.T, d *desk) {
	request := &directory.Registration{RequestID: "r1", Kind: key.Random, Account: ana}
	first, err := d.CreateKey(t.Context(), One, request)
	require.NoError(t, err)
	again, err := d.CreateKey(t.Context(), One, request)
	require.NoError(t, err)
	require.Equal(t, first, again)
	d.requireOwner(t, first.Key.Text, One, ana)
	other, err := d.create(t, who{One, ana}, key.Random, "")
	require.NoError(t, err)
	require.NotEqual(t, first.Key, other.Key)
	_, err = d.create(t, who{One, ana}, key.Random, first.Key.Text)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err), "nobody chooses one")
}

func ownCPF(t *testing.T, d *desk) {
	_, err := d.create(t, who{One, bia}, key.CPF, ana.Document)
	require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
	require.Equal(t, "key", fault.Of(err).Field)
	_, _, err = d.lookUp(t, ana.Document)
	require.ErrorIs(t, err, directory.ErrNoKey)
}

func proved(t *testing.T, d *desk) {
	for _, wanted := range []key.Key{{Kind: key.Email, Text: email}, {Kind: key.Phone, Text: phone}} {
		entry, err := d.create(t, who{One, ana}, wanted.Kind, wanted.Text)
		require.NoError(t, err)
		require.Equal(t, directory.Pending, entry.State)
		_, _, err = d.lookUp(t, wanted.Text)
		require.ErrorIs(t, err, directory.ErrNoKey, "nobody has it yet")
		code := d.code(t, wanted.Kind, wanted.Text)
		_, err = d.confirm(t, who{One, bia}, wanted.Text, code)
		require.ErrorIs(t, err, directory.ErrNoKey, "the code is of one account")
		confirmed, err := d.confirm(t, who{One, ana}, wanted.Text, code)
		require.NoError(t, err)
		entry.State = directory.Active
		require.Equal(t, entry, confirmed)
		again, err := d.confirm(t, who{One, ana}, wanted.Text, code)
		require.NoError(t, err, "a repeat")
		require.Equal(t, confirmed, again)
		_, err = d.confirm(t, who{One, ana}, wanted.Text, wrong(code))
		require.ErrorIs(t, err, directory.ErrNothingToConfirm)
		_, err = d.confirm(t, who{One, ana}, wanted.Text, "")
		require.ErrorIs(t, err, directory.ErrNothingToConfirm)
		d.requireOwner(t, wanted.Text, One, ana)
		require.Len(t, d.mailbox.Sent(wanted), 1)
	}
	_, err := d.confirm(t, who{One, ana}, "other@exemplo.com", "123456")
	require.ErrorIs(t, err, directory.ErrNoKey)
}

func guessed(t *testing.T, d *desk) {
	_, err := d.create(t, who{One, ana}, key.Email, email)
	require.NoError(t, err)
	_, err = d.confirm(t, who{One, ana}, email, "123456")
	require.ErrorIs(t, err, directory.ErrNoCode, "none was sent")
	code := d.code(t, key.Email, email)
	for range directory.CodeAttempts {
		_, err := d.confirm(t, who{One, ana}, email, wrong(code))
		require.ErrorIs(t, err, directory.ErrWrongCode)
	}
	_, err = d.confirm(t, who{One, ana}, email, code)
	require.ErrorIs(t, err, directory.ErrNoCode, "the sixth attempt")

	d.clock.Advance(directory.CodePause)
	_, err = d.confirm(t, who{One, ana}, email, "")
	require.NoError(t, err)
	_, err = d.confirm(t, who{One, ana}, email, code)
	require.ErrorIs(t, err, directory.ErrNoCode, "an older code")
	late := d.code(t, key.Email, email)
	d.clock.Advance(directory.CodeLifetime)
	_, err = d.confirm(t, who{One, ana}, email, late)
	require.ErrorIs(t, err, directory.ErrNoCode, "fifteen minutes are over")
	_, err = d.confirm(t, who{One, ana}, email, "")
	require.NoError(t, err)
	_, err = d.confirm(t, who{One, ana}, email, d.code(t, key.Email, email))
	require.NoError(t, err)
	for _, malformed := range []string{"12345", "1234567", "12345x", "１２３４５６"} {
		_, err = d.confirm(t, who{One, ana}, email, malformed)
		require.Equal(t, fault.InvalidArgument, fault.CodeOf(err))
	}
}

func fewCodes(t *testing.T, d *desk) {
	_, err := d.create(t, who{One, ana}, key.Email, email)
	require.NoError(t, err)
	_, err = d.confirm(t, who{One, ana}, email, "")
	require.ErrorIs(t, err, directory.ErrTooManyCodes)
	require.Equal(t, directory.CodePause, fault.Of(err).RetryAfter)
	_, err = d.create(t, who{One, ana}, key.Email, email)
	require.NoError(t, err, "another request, which sends no other code")
	for range directory.CodesADay - 1 {
		d.clock.Advance(directory.CodePause)
		_, err = d.confirm(t, who{One, ana}, email, "")
		require.NoError(t, err)
		d.deliver(t)
	}
	require.Len(t, d.mailbox.Sent(key.Key{Kind: key.Email, Text: email}), directory.CodesADay-1, "the first one was replaced before it was sent")
	d.clock.Advance(directory.CodePause)
	_, err = d.confirm(t, who{One, ana}, email, "")
	require.ErrorIs(t, err, directory.ErrTooManyCodes)
	_, err = d.create(t, who{Two, bia}, key.Email, email)
	require.ErrorIs(t, err, directory.ErrTooManyCodes, "whatever account asks")
	wait := fault.Of(err).RetryAfter
	require.Positive(t, wait)
	d.clock.Advance(wait)
	_, err = d.confirm(t, who{One, ana}, email, "")
	require.NoError(t, err)
}

func fewKeys(t *testing.T, d *desk) {
	for range directory.MaxKeys {
		d.have(t, who{One, ana}, key.Random, "")
	}
	_, err := d.create(t, who{One, ana}, key.Random, "")
	require.ErrorIs(t, err, directory.ErrTooMany)
	d.have(t, who{Two, ana}, key.Random, "")
	d.have(t, who{One, bia}, key.Random, "")
}

// atOnce calls two functions at the same moment and returns what they return.
func atOnce(one, two func() error) (errs [2]error) {
	var group sync.WaitGroup
	start := make(chan struct{})
	for i, call := range []func() error{one, two} {
		group.Go(func() {
			<-start
			errs[i] = call()
		})
	}
	close(start)
	group.Wait()
	return errs
}

// oneOwner registers the same keys at two banks, in two programs, at the same moment.
func oneOwner(t *testing.T, d *desk) {
	for round := range 10 {
		document := key.MakeCPF(pad(100_000_000 + round))
		at := func(service *directory.Service, bank string, holder directory.Holder, request string) func() error {
			holder.Document, holder.AccountID = document, AccountID(100+round)
			return func() error {
				_, err := service.CreateKey(t.Context(), bank, &directory.Registration{RequestID: request, Kind: key.CPF, Text: document, Account: holder})
				return err
			}
		}
		request := d.request()
		errs := atOnce(at(d.Service, One, ana, request), at(d.replica, Two, bia, request))
		owner, bank := directory.Holder{AccountID: AccountID(100 + round)}, One
		if errs[0] != nil {
			bank = Two
			errs[0], errs[1] = errs[1], errs[0]
		}
		require.NoError(t, errs[0])
		require.ErrorIs(t, errs[1], directory.ErrTaken)
		d.requireOwner(t, document, bank, owner)
	}
	// Two who read the same e-mails give their codes back at the same moment.
	_, err := d.create(t, who{One, ana}, key.Email, email)
	require.NoError(t, err)
	first := d.code(t, key.Email, email)
	_, err = d.create(t, who{Two, bia}, key.Email, email)
	require.NoError(t, err)
	second := d.code(t, key.Email, email)
	errs := atOnce(
		func() error {
			_, err := d.ConfirmKey(t.Context(), One, &directory.Confirmation{Text: email, AccountID: ana.AccountID, Code: first})
			return err
		},
		func() error {
			_, err := d.replica.ConfirmKey(t.Context(), Two, &directory.Confirmation{Text: email, AccountID: bia.AccountID, Code: second})
			return err
		})
	require.True(t, (errs[0] == nil) != (errs[1] == nil), "%v", errs)
	require.ErrorIs(t, errors.Join(errs[:]...), directory.ErrTaken)
}

func manyCalls(t *testing.T, d *desk) {
	const callers = 16
	var group sync.WaitGroup
	made := make(chan directory.Entry, callers)
	failed := make(chan error, callers)
	for i := range callers {
		service := d.Service
		if i%2 == 0 {
			service = d.replica
		}
		group.Go(func() {
			entry, err := service.CreateKey(t.Context(), One, &directory.Registration{RequestID: "one", Kind: key.Random, Account: ana})
			if err != nil && !errors.Is(err, directory.ErrNoTokens) { // So many at once set aside more than the customer has.
				failed <- err
				return
			}
			if err == nil {
				made <- entry
			}
		})
	}
	group.Wait()
	close(made)
	close(failed)
	for err := range failed {
		require.NoError(t, err)
	}
	first := <-made
	for entry := range made {
		require.Equal(t, first, entry)
	}
	entries, _, err := d.ListKeys(t.Context(), One, directory.List{}, directory.Place{})
	require.NoError(t, err)
	require.Equal(t, []directory.Entry{first}, entries)
}
