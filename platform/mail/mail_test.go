package mail_test

import (
	"strings"
	"testing"

	"codebank.dev/platform/mail"
	"codebank.dev/platform/mail/mailtest"
	"github.com/stretchr/testify/require"
)

func TestAnEmailComesAsItWasWritten(t *testing.T) {
	catcher := mailtest.Catch(t)
	server, err := mail.ParseServer(catcher.URL())
	require.NoError(t, err)
	sender, err := mail.NewSender(server, "Code Bank <no-reply@bank.example>")
	require.NoError(t, err)
	text := "Olá.\n" + strings.Repeat("x", 100) + "\nCode: AbC\n"
	require.NoError(t, sender.Send(t.Context(), mail.Message{To: "alice@example.com", Subject: "Olá", Text: text}))
	got := catcher.Next(t, "alice@example.com")
	require.Equal(t, "Olá", got.Subject)
	require.Contains(t, strings.ReplaceAll(got.Text, "\r\n", "\n"), text)
	require.Equal(t, "AbC", got.Code())
	require.Contains(t, got.From, "no-reply@bank.example")

	catcher.Refuse(true)
	err = sender.Send(t.Context(), mail.Message{To: "alice@example.com", Subject: "x", Text: "Code: secret"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "secret")
	require.Error(t, sender.Send(t.Context(), mail.Message{To: "a\nb", Subject: "x"}))
	_, err = mail.NewSender(server, "nobody")
	require.Error(t, err)
}

func TestTheURLOfAMailServer(t *testing.T) {
	server, err := mail.ParseServer("smtp://user:pa%3Ass@mail.example")
	require.NoError(t, err)
	require.Equal(t, mail.Server{Host: "mail.example", Port: 587, User: "user", Password: "pa:ss"}, server)
	server, err = mail.ParseServer("smtps://[::1]:4465")
	require.NoError(t, err)
	require.Equal(t, mail.Server{Host: "::1", Port: 4465, TLS: true}, server)
	for _, wrong := range []string{"", "mail.example", "http://x", "smtp://", "smtp://user:secret@mail.example:0", "smtp://user@mail.example", "smtp://u:secret@h/path", "smtp://u:secret@h:99999", "smtp://u:sec%zzret@h"} {
		_, err := mail.ParseServer(wrong)
		require.Error(t, err, wrong)
		require.NotContains(t, err.Error(), "secret")
	}
}

// FuzzParseServer: any text is a server with a host and a port, or an error.
func FuzzParseServer(f *testing.F) {
	f.Add("smtp://user:password@mail.example:25")
	f.Add("smtps://[::1]")
	f.Fuzz(func(t *testing.T, text string) {
		server, err := mail.ParseServer(text)
		if err == nil && (server.Host == "" || server.Port < 1 || server.Port > 65535) {
			t.Fatalf("%q is %q:%d", text, server.Host, server.Port)
		}
	})
}
