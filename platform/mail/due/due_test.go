package due_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/platform/mail/due"
)

func TestALoopSendsWhatIsDueAndWaitsOtherwise(t *testing.T) {
	ctx, end := context.WithCancel(t.Context())
	defer end()
	wake, failure := make(chan struct{}, 1), errors.New("away")
	calls, failed := 0, 0
	loop := due.Loop{Every: time.Hour, Wake: wake, Failed: func(_ context.Context, err error) {
		require.ErrorIs(t, err, failure)
		failed++
	}}
	loop.Next = func(context.Context) (bool, error) {
		switch calls++; calls {
		case 1:
			return true, nil
		case 2:
			return true, failure
		case 3:
			wake <- struct{}{} // Nothing is due, and it does not wait for an hour.
			return false, failure
		}
		end()
		return false, failure // An error of the end is nobody's.
	}
	loop.Run(ctx)
	require.Equal(t, []int{4, 2}, []int{calls, failed})
}
