// Package smtp sends codes by e-mail: to an address as it is, and to a telephone number by the e-mail gateway of a
// sender of text messages.
package smtp

import (
	"context"
	"fmt"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/platform/mail"
)

var _ directory.Sender = (*Sender)(nil)

// Sender sends codes. Both fields are required. It is safe for concurrent use.
type Sender struct {
	Mail *mail.Sender
	// SMSDomain is the domain of the gateway: the code for +5511987654321 goes to +5511987654321@sms.localhost.
	SMSDomain string
}

// subject names no code: it is shown on locked screens.
const subject = "Your Pix key"

// Send implements directory.Sender.
func (s *Sender) Send(ctx context.Context, to key.Key, code directory.Code) error {
	address := to.Text
	switch to.Kind {
	case key.Email:
	case key.Phone:
		address += "@" + s.SMSDomain
	default:
		return fmt.Errorf("smtp: no code is sent to a key of kind %s", to.Kind)
	}
	text := "Somebody, probably you, registers this as a Pix key. Give this code to your bank within 15 minutes, and to nobody else.\n\n" +
		"Code: " + code.Reveal() + "\n\nIf it was not you, nothing needs to be done.\n"
	return s.Mail.Send(ctx, mail.Message{To: address, Subject: subject, Text: text})
}
