package failpoint_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"codebank.dev/platform/failpoint"
	"github.com/stretchr/testify/require"
)

// The points of these tests.
const (
	first  failpoint.Point = "batch-decided"
	second failpoint.Point = "batch-committed"
	failed failpoint.Point = "relay-fetched"
)

var points = []failpoint.Point{first, second, failed}

// FuzzParse: a hook for a point of the list, nothing for nothing, an error that
// names the points for all else.
func FuzzParse(f *testing.F) {
	f.Add("batch-decided")
	f.Add("batch-decided:3")
	f.Add("batch-decided:0")
	f.Add("")
	f.Fuzz(func(t *testing.T, setting string) {
		hook, err := failpoint.Parse(setting, points)
		name, _, _ := strings.Cut(setting, ":")
		switch {
		case setting == "":
			require.NoError(t, err)
			require.Nil(t, hook)
		case err == nil:
			require.NotNil(t, hook)
			require.True(t, slices.Contains(points, failpoint.Point(name)))
			hook.At("another point") // survives
		default:
			require.Nil(t, hook)
		}
	})
}

func TestAHookIsCarriedByTheContextAndToldOfWhatSucceeded(t *testing.T) {
	var told []failpoint.Point
	hook := failpoint.Hook(func(point failpoint.Point) { told = append(told, point) })
	ctx := failpoint.With(t.Context(), hook)
	failpoint.From(ctx).At(first)
	failpoint.From(ctx).After(nil, second)
	failpoint.From(ctx).After(errors.New("no"), failed)
	failpoint.From(context.Background()).At(first)
	require.Equal(t, []failpoint.Point{first, second}, told)
	require.Nil(t, failpoint.From(failpoint.With(t.Context(), nil)))
}

// BenchmarkOff is what a point costs while no failpoint is set.
func BenchmarkOff(b *testing.B) {
	var hook failpoint.Hook
	for b.Loop() {
		hook.At(first)
	}
}
