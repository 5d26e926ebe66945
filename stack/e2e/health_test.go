package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"codebank.dev/stack/launch"
)

func TestEverythingIsHealthy(t *testing.T) {
	stack := running(t)
	require.NoError(t, stack.Healthy(t.Context()))
}

func TestASecondStackOnTheSameFolderIsRefused(t *testing.T) {
	stack := running(t)
	second, err := launch.Open(launch.Config{Dir: stack.Dir(), BasePort: stack.Addresses().BasePort})
	require.NoError(t, err)
	require.ErrorIs(t, second.Start(t.Context()), launch.ErrInUse)
	require.ErrorIs(t, second.Wipe(), launch.ErrInUse)
	require.NoError(t, stack.Healthy(t.Context()))
}
