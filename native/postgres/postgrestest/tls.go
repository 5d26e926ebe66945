package postgrestest

import (
	"os"
	"path/filepath"
	"testing"

	"codebank.dev/native/child"
	"codebank.dev/native/postgres"
)

// WithCertificate is the name of a database of a [Secured] server that only a client with a
// certificate for its role reaches. It takes no password.
const WithCertificate = "with_certificate"

// access is who reaches which database. The server's owner makes databases without TLS.
const access = `hostnossl postgres all 127.0.0.1/32 scram-sha-256
hostssl ` + WithCertificate + ` all 127.0.0.1/32 cert
hostssl all all 127.0.0.1/32 scram-sha-256
`

// Secured starts a server for one test, as Own does, which takes connections with TLS only.
// certificate and key are its files in PEM. authority is the file of the authority that signs the
// certificates of clients.
func Secured(t testing.TB, certificate, key, authority string) *postgres.Server {
	t.Helper()
	user, err := child.Unprivileged()
	if err != nil {
		t.Fatal(err)
	}
	// The server takes a key only if it belongs to the server's user.
	folder, err := user.Folder(filepath.Join(t.TempDir(), "tls"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	files := map[string]string{"ssl_cert_file": certificate, "ssl_key_file": key, "ssl_ca_file": authority}
	settings := map[string]string{"fsync": "off", "ssl": "on", "hba_file": filepath.Join(folder, "hba_file")}
	for name, from := range files {
		settings[name] = filepath.Join(folder, name)
		if err := user.CopyFile(from, settings[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := user.WriteFile(settings["hba_file"], access); err != nil {
		t.Fatal(err)
	}
	return Own(t, postgres.Options{Settings: settings})
}
