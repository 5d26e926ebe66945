package files

import (
	"context"
	"fmt"
	"strings"
	"time"

	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/id"
	"codebank.dev/platform/mail"
	"codebank.dev/statement/failpoints"
	"codebank.dev/statement/file"
)

// Announcer tells owners by e-mail that their files are ready. An e-mail has no content of the statement, only
// where to get it.
type Announcer struct {
	// File returns a file, or ErrNoFile.
	File func(ctx context.Context, file id.ID) (File, error)
	// Send sends an e-mail.
	Send func(ctx context.Context, message mail.Message) error
	// PagesURL begins the link to a file; empty: there is no link.
	PagesURL  string
	Now       func() time.Time
	Failpoint failpoint.Hook
}

// Announce tells the owner of a file, if it is ready and he gave an address. If the program dies before the end of
// its job is stored, the e-mail is sent again.
func (a *Announcer) Announce(ctx context.Context, fileID id.ID) error {
	found, err := a.File(ctx, fileID)
	if err != nil {
		return err
	}
	if found.State != Ready || found.Email == "" || !a.Now().Before(found.ExpiresAt) {
		return nil
	}
	err = a.Send(ctx, a.message(&found))
	a.Failpoint.After(err, failpoints.FileAnnounced)
	return err
}

// text is an e-mail in one language. Its parameters are the first and the last day, the last day of the file, and
// where it is.
type text struct{ subject, body, day string }

var texts = map[string]text{
	file.English: {
		subject: "Your statement is ready",
		body: "The statement from %s to %s that was asked for with this address is ready.\n" +
			"It can be downloaded until %s, by whoever asked for it:\n\n%s\n\nIf it was not you, nothing needs to be done.\n",
		day: "2006-01-02",
	},
	file.Portuguese: {
		subject: "Seu extrato está pronto",
		body: "O extrato de %s a %s, pedido com este endereço, está pronto.\n" +
			"Quem o pediu pode baixá-lo até %s:\n\n%s\n\nSe não foi você, nada precisa ser feito.\n",
		day: "02/01/2006",
	},
}

func (a *Announcer) message(ready *File) mail.Message {
	words := texts[ready.Language]
	where := Name(ready)
	if a.PagesURL != "" {
		where = strings.TrimSuffix(a.PagesURL, "/") + "/v1/" + where + ":download"
	}
	last := ready.Range.End.Add(-time.Millisecond)
	return mail.Message{To: ready.Email, Subject: words.subject, Text: fmt.Sprintf(words.body, ready.Range.Start.UTC().Format(words.day),
		last.UTC().Format(words.day), ready.ExpiresAt.UTC().Format(words.day), where)}
}

// Name returns the name of a file in the contract: accounts/{uuid}/files/{uuid}.
func Name(f *File) string { return "accounts/" + f.Account.String() + "/files/" + f.ID.String() }
