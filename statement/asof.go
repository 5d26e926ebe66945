package statement

import (
	"context"
	"time"

	"codebank.dev/platform/id"
)

// latest is later than any event.
var latest = time.Date(9999, time.December, 31, 23, 59, 59, 999_999_999, time.UTC)

// Watermarks say up to when the statement has every event of an account, also if nothing has happened to the
// account since.
type Watermarks interface {
	// CompleteTo returns a time before which every event of the account has arrived; the zero time if that is
	// not known. It does not go back.
	CompleteTo(account id.ID) time.Time
}

// AsOf chooses a state of the past: as of the event Sequence or, if that is 0, as of the end of the
// millisecond of Moment. The zero AsOf is the present.
type AsOf struct {
	Sequence int64
	Moment   time.Time
}

// StateAsOf returns the account as of a sequence or a moment: the state after the last event up to it, as the
// ledger had it. provisional says that an event up to there may still be missing; then the state is the last
// one of which that is not so. The present is never provisional. Errors are those of State.
func (s *Service) StateAsOf(ctx context.Context, reader Reader, account id.ID, asOf AsOf) (state State, provisional bool, err error) {
	before := asOf.Moment.Truncate(time.Millisecond).Add(time.Millisecond)
	covered := s.covers(account, before)
	state, err = s.State(ctx, reader, account)
	if err != nil || asOf.Sequence == 0 && asOf.Moment.IsZero() {
		return state, false, err
	}
	last, complete := asOf.Sequence, true
	if last == 0 {
		if last, complete, err = s.lastBefore(ctx, reader, &state, before, covered); err != nil {
			return State{}, false, err
		}
	}
	if last > state.CompleteTo || !complete {
		return state, true, nil
	}
	past, err := s.stateAt(ctx, reader, &state, last)
	return past, past.CompleteTo < last, err
}

// covers reports whether every event of an account before a moment has arrived, as the watermarks say. Ask
// before the database is read.
func (s *Service) covers(account id.ID, before time.Time) bool {
	return s.watermarks != nil && !s.watermarks.CompleteTo(account).Before(before)
}

// Covered reports whether every event of an account before a moment has arrived, as the watermarks say. known is false
// without watermarks: then nothing says so. Ask before the database is read.
func (s *Service) Covered(account id.ID, before time.Time) (covered, known bool) {
	return s.covers(account, before), s.watermarks != nil
}

// lastBefore returns the sequence of the last event before a moment, among those that have arrived, or 0.
// complete says that no such event can arrive any more: a later event is there and nothing is missing below
// it, or a watermark covers the moment and nothing is missing at all. A gap proves that a watermark is wrong, for example after lines were lost.
func (s *Service) lastBefore(ctx context.Context, reader Reader, state *State, before time.Time, covered bool) (last int64, complete bool, err error) {
	boundary, err := s.store.Boundary(ctx, reader, state.Account, before)
	if err != nil {
		return 0, false, err
	}
	last = max(boundary-1, 0)
	if last != state.CompleteTo || !covered {
		return last, last < state.CompleteTo, nil
	}
	end, err := s.store.Boundary(ctx, reader, state.Account, latest)
	return last, end <= state.CompleteTo+1, err
}

// stateAt returns an account as of a sequence, which must not be above that of its present state.
func (s *Service) stateAt(ctx context.Context, reader Reader, present *State, sequence int64) (State, error) {
	switch {
	case sequence == present.CompleteTo:
		return *present, nil
	case sequence <= 0:
		return State{Account: present.Account, Currency: present.Currency}, nil
	}
	past, err := s.store.StateAt(ctx, reader, present.Account, sequence)
	past.Currency = present.Currency
	return past, err
}
