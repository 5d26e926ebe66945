package waiting_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/audit"
	"codebank.dev/operations/audit/waiting"
)

// pipeline has three events in flight, one less with each check.
type pipeline struct{ inFlight int64 }

func (p *pipeline) delivery(atMost time.Duration) *waiting.Delivery {
	return &waiting.Delivery{
		Published: func(context.Context) (bool, error) { return p.inFlight < 3, nil },
		Counts:    []waiting.Count{func(context.Context) (int64, error) { p.inFlight--; return 10 - p.inFlight, nil }},
		AtMost:    atMost,
	}
}

func TestAnAuditWaitsUntilNothingIsInFlight(t *testing.T) {
	p := &pipeline{inFlight: 2}
	again, err := p.delivery(time.Minute).Wait(t.Context(), 10)
	require.NoError(t, err)
	require.True(t, again, "there is time for another comparison")
	require.Zero(t, p.inFlight)

	never := &pipeline{inFlight: 3}
	again, err = never.delivery(time.Millisecond).Wait(t.Context(), 10)
	require.NoError(t, err)
	require.False(t, again, "the time is over")

	again, err = never.delivery(0).Wait(t.Context(), 10)
	require.NoError(t, err)
	require.False(t, again, "it waits not at all")
}

func TestAnOutboxThatIsAwayEndsTheWait(t *testing.T) {
	away := errors.New("no route")
	delivery := (&pipeline{}).delivery(time.Minute)
	delivery.Published = func(context.Context) (bool, error) { return false, away }
	_, err := delivery.Wait(t.Context(), 10)
	var place *audit.AwayError
	require.ErrorAs(t, err, &place)
	require.Equal(t, audit.InOutbox, place.Store)
	require.ErrorIs(t, err, away)
}

func TestAPlaceThatIsAwayMayComeBack(t *testing.T) {
	tries := 0
	delivery := &waiting.Delivery{
		Published: func(context.Context) (bool, error) { return true, nil },
		Counts: []waiting.Count{func(context.Context) (int64, error) {
			if tries++; tries == 1 {
				return 0, errors.New("no route")
			}
			return 10, nil
		}},
		AtMost: time.Minute,
	}
	_, err := delivery.Wait(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, 2, tries)
}

// silent sends one copy and then nothing.
type silent struct{ audit.Source }

func (silent) Read(ctx context.Context, each func(*audit.Copy) error) error {
	if err := each(&audit.Copy{}); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

func TestAPlaceThatSendsNothingIsGivenUp(t *testing.T) {
	copies := 0
	each := func(*audit.Copy) error { copies++; return nil }
	err := waiting.Limited{Source: silent{}, Limit: 10 * time.Millisecond}.Read(t.Context(), each)
	require.ErrorContains(t, err, "nothing came for 10ms")
	require.Equal(t, 1, copies)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = waiting.Limited{Source: silent{}, Limit: time.Minute}.Read(ctx, each)
	require.Equal(t, context.Canceled, err)
}
