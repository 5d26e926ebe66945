package postgres

import (
	"crypto/rand"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// User is the name of the first role, a superuser. [Server.CreateRole] makes others.
const User = "codebank"

// Options says what to start. Only Dir is required.
type Options struct {
	// Dir is the folder of this server: its data, its password and its log. The files of an
	// earlier server are used again. If the caller is root, the data is in another place when
	// the server's user cannot reach Dir; see [Server.Data].
	Dir string
	// Port is the TCP port on the loopback address. Zero takes a free port, which stays the
	// same over restarts.
	Port int
	// Settings are added to the server's configuration, by the names of postgresql.conf.
	// Commits are durable unless a setting here changes that.
	Settings map[string]string
	// Log is the file for the server's messages; empty means postgres.log in Dir.
	Log string
	// Progress gets a message before each long step; nil means no messages.
	Progress func(string)
}

func (o Options) withDefaults() (Options, error) {
	dir, err := filepath.Abs(o.Dir)
	if o.Dir == "" || err != nil {
		return o, fmt.Errorf("postgres: no usable folder %q", o.Dir)
	}
	o.Dir = dir
	if o.Log == "" {
		o.Log = filepath.Join(dir, "postgres.log")
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return o, nil
}

// arguments is the server's command line. The server listens on the loopback address only. It
// makes no socket file, because the path could be too long.
func (o Options) arguments(data string, port int) []string {
	settings := map[string]string{
		"listen_addresses":        "127.0.0.1",
		"port":                    strconv.Itoa(port),
		"unix_socket_directories": "",
		"max_connections":         "200",
		"log_line_prefix":         "%m [%p] %d ",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
	}
	maps.Copy(settings, o.Settings)
	args := []string{"-D", data}
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		args = append(args, "-c", name+"="+settings[name])
	}
	return args
}

// password returns the role's password. It is generated once per folder and kept in a file that
// only the owner can read.
func (o Options) password() (string, error) {
	file := filepath.Join(o.Dir, "postgres.password")
	content, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(content)), nil
	}
	if !os.IsNotExist(err) {
		return "", err
	}
	password := rand.Text()
	return password, os.WriteFile(file, []byte(password+"\n"), 0o600)
}
