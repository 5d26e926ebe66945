package access

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"codebank.dev/identity"
	"codebank.dev/platform/mail"
	"codebank.dev/platform/mail/due"
)

// DefaultMailEvery is how often a Mailer looks for e-mails that are due.
const DefaultMailEvery = 500 * time.Millisecond

// Mailer sends the e-mails that are due. It makes their tokens when it sends them, so no token is ever
// stored. Any number of them may work on one store.
type Mailer struct {
	Store  identity.Store
	Sender *mail.Sender
	// PagesURL begins the links in e-mails; "" for e-mails with a code and no link.
	PagesURL string
	Logger   *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Every is how often it looks for e-mails that are due; 0 means DefaultMailEvery.
	Every time.Duration

	sent, failed atomic.Int64
}

// Counts returns how many e-mails were sent, and how many tries failed.
func (m *Mailer) Counts() (sent, failed int64) { return m.sent.Load(), m.failed.Load() }

// Run sends e-mails until ctx ends.
func (m *Mailer) Run(ctx context.Context) {
	every := m.Every
	if every <= 0 {
		every = DefaultMailEvery
	}
	loop := due.Loop{Next: m.sendNext, Every: every, Failed: func(ctx context.Context, err error) {
		m.Logger.WarnContext(ctx, "an e-mail was not sent; it is tried again", "error", err)
	}}
	loop.Run(ctx)
}

// sendNext sends one e-mail, if one is due. An e-mail is sent again if the program dies before it is
// marked as sent.
func (m *Mailer) sendNext(ctx context.Context) (bool, error) {
	claimed, ok, err := m.Store.ClaimMail(ctx, m.Now())
	if err != nil || !ok {
		return false, err
	}
	message, err := m.compose(ctx, claimed)
	if err != nil {
		return true, err
	}
	if message.To != "" {
		if err := m.Sender.Send(ctx, message); err != nil {
			m.failed.Add(1)
			return true, err
		}
		m.sent.Add(1)
	}
	return true, m.Store.MailSent(ctx, claimed, m.Now())
}

// compose writes an e-mail, and stores its token before anybody knows it. The message is empty if there
// is nothing to send.
func (m *Mailer) compose(ctx context.Context, waiting identity.Mail) (mail.Message, error) {
	_, known, _, err := m.Store.Candidate(ctx, waiting.Email, nil)
	if err != nil {
		return mail.Message{}, err
	}
	message := mail.Message{To: string(waiting.Email)}
	switch {
	case waiting.Kind == identity.MailSignUp && known:
		message.Subject = "You have an account"
		message.Text = "Somebody, probably you, signed up with this address. It has an account already:\n" +
			"sign in, or ask for a new password if you have forgotten yours.\n\nIf it was not you, nothing needs to be done.\n"
		return message, nil
	case waiting.Kind == identity.MailPasswordChanged && known:
		message.Subject = "Your password was changed"
		message.Text = "The password of your account was changed, and other sessions were signed out.\n\n" +
			"If it was not you, ask for a new password at once.\n"
		return message, nil
	case waiting.Kind == identity.MailSignUp:
		message.Subject = "Confirm your address"
		message.Text = "Welcome. Confirm this address and choose a password within 24 hours.\n\n"
	case waiting.Kind == identity.MailPasswordReset && known:
		message.Subject = "Choose a new password"
		message.Text = "Somebody, probably you, has forgotten the password of this account. Choose a new one within 30 minutes.\n\n"
	default:
		return mail.Message{}, nil
	}
	secret, now := identity.NewSecret(), m.Now()
	if err := m.Store.AddMailToken(ctx, waiting, secret.Digest(), now.Add(waiting.Kind.Lifetime())); err != nil {
		return mail.Message{}, err
	}
	message.Text += m.link(waiting.Kind, secret) + "\nIf it was not you, nothing needs to be done.\n"
	return message, nil
}

// link returns the lines with a token. It stands behind # in a link, because a browser does not send that
// part, and no log has it.
func (m *Mailer) link(kind identity.MailKind, secret identity.Secret) string {
	code := "Code: " + secret.Reveal() + "\n"
	if m.PagesURL == "" {
		return code
	}
	pages := map[identity.MailKind]string{identity.MailSignUp: "confirm", identity.MailPasswordReset: "reset"}
	return fmt.Sprintf("%s/%s#%s\n\n%s", strings.TrimSuffix(m.PagesURL, "/"), pages[kind], secret.Reveal(), code)
}
