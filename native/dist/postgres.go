package dist

import (
	"context"
	"fmt"
	"os"
	"runtime"
)

// postgresVersion is the release of the server programs: 18.6.
const postgresVersion = "18.6.0"

// Postgres provides the programs of the database server and returns the folder that holds
// bin/initdb and bin/postgres.
func (s *Store) Postgres(ctx context.Context) (string, error) {
	platform, err := postgresPlatform()
	if err != nil {
		return "", err
	}
	name := "postgres-" + postgresVersion + "-" + platform
	return s.Provide(ctx, name, func(ctx context.Context, into string) error {
		s.progress("fetching Postgres " + postgresVersion)
		jar, err := s.fetch(ctx, Artifact{
			Group:   "io.zonky.test.postgres",
			Name:    "embedded-postgres-binaries-" + platform,
			Version: postgresVersion,
		}, into)
		if err != nil {
			return err
		}
		if err := unpackJarredTxz(jar, into); err != nil {
			return err
		}
		return os.Remove(jar)
	})
}

// postgresPlatform is the part of the artifact's name that names this machine.
func postgresPlatform() (string, error) {
	architecture, ok := map[string]string{"amd64": "amd64", "arm64": "arm64v8"}[runtime.GOARCH]
	if !ok || (runtime.GOOS != "linux" && runtime.GOOS != "darwin") {
		return "", fmt.Errorf("no Postgres for %s on %s", runtime.GOOS, runtime.GOARCH)
	}
	return runtime.GOOS + "-" + architecture, nil
}
