package mailbox

import (
	"net/smtp"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheNewestMailToAnAddressIsInAFile(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "mail")
	server, err := Listen("127.0.0.1:0", folder)
	require.NoError(t, err)
	defer server.Close()
	require.Empty(t, Code(folder, "ana@example.com"))
	for _, token := range []string{"first", "se=\r\ncond"} {
		text := "Subject: Welcome\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nOl=C3=A1\r\nhttps://bank.example/confirm#link\r\n\r\nCode: " + token + "\r\n"
		require.NoError(t, smtp.SendMail(server.Address(), nil, "bank@example.com", []string{"Ana@example.com"}, []byte(text)))
	}
	require.Equal(t, "second", Code(folder, "ana@example.com"))
	content, err := os.ReadFile(File(folder, "ana@example.com"))
	require.NoError(t, err)
	require.Contains(t, string(content), "Olá")
	require.Empty(t, Code(folder, "bruno@example.com"))
}

// An address cannot name a file outside the folder.
func TestAMailStaysInTheFolder(t *testing.T) {
	folder := t.TempDir()
	require.Equal(t, folder, filepath.Dir(File(folder, "../../etc/passwd")))
	server, err := Listen("127.0.0.1:0", folder)
	require.NoError(t, err)
	defer server.Close()
	require.Error(t, smtp.SendMail(server.Address(), nil, "bank@example.com", []string{"ana@example.com"}, []byte("no header")))
	require.NoFileExists(t, File(folder, "ana@example.com"))
}
