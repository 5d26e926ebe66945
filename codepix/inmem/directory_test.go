package inmem_test

import (
	"testing"

	"codebank.dev/codepix/codepixtest"
	"codebank.dev/codepix/directory"
	"codebank.dev/codepix/inmem"
)

func TestDirectory(t *testing.T) {
	codepixtest.TestDirectory(t, func(_ testing.TB, banks directory.Banks) (directory.Store, directory.Store) {
		store := inmem.NewDirectory(banks)
		return store, store
	})
}
