package smtp_test

import (
	"testing"

	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/key"
	"codebank.dev/codepix/smtp"
	"codebank.dev/platform/mail"
	"codebank.dev/platform/mail/mailtest"
	"github.com/stretchr/testify/require"
)

func TestACodeGoesToWhatTheKeyNames(t *testing.T) {
	catcher := mailtest.Catch(t)
	server, err := mail.ParseServer(catcher.URL())
	require.NoError(t, err)
	mails, err := mail.NewSender(server, "Pix <pix@codepix.example>")
	require.NoError(t, err)
	sender := &smtp.Sender{Mail: mails, SMSDomain: "sms.localhost"}
	code, err := directory.NewCode()
	require.NoError(t, err)
	for address, to := range map[string]key.Key{
		"ana@exemplo.com":              {Kind: key.Email, Text: "ana@exemplo.com"},
		"+5511987654321@sms.localhost": {Kind: key.Phone, Text: "+5511987654321"},
	} {
		require.NoError(t, sender.Send(t.Context(), to, code))
		got := catcher.Next(t, address)
		require.Equal(t, code.Reveal(), got.Code())
		require.NotContains(t, got.Subject, code.Reveal())
	}
	require.Error(t, sender.Send(t.Context(), key.Key{Kind: key.CPF, Text: "52998224725"}, code))
	catcher.Refuse(true)
	err = sender.Send(t.Context(), key.Key{Kind: key.Email, Text: "ana@exemplo.com"}, code)
	require.Error(t, err)
	require.NotContains(t, err.Error(), code.Reveal())
}
