package statement

import (
	"context"
	"fmt"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/platform/money"
)

// Summary is what a range of time did to an account. Opening + Sums.Credits - Sums.Debits = Closing.
type Summary struct {
	// State is the account at the time of the answer.
	State State
	// Opening is the balance after the last event before the range, and Closing the one after its last event.
	Opening, Closing int64
	Sums             Sums
	// First and Last are the sequences of the range's events; 0 when there is none.
	First, Last int64
	// Provisional says that an event of the range may still be missing. Then the summary ends where the events
	// are complete.
	Provisional bool
}

// Summarize sums up the events of a range. It never reads above complete_to, so that its sums always add up.
// Errors are those of State; Internal if a stored balance contradicts the lines.
func (s *Service) Summarize(ctx context.Context, reader Reader, account id.ID, within Range) (Summary, error) {
	covered := !within.End.IsZero() && s.covers(account, within.End)
	state, err := s.State(ctx, reader, account)
	if err != nil {
		return Summary{}, err
	}
	summary := Summary{State: state}
	first := int64(1)
	if !within.Start.IsZero() {
		boundary, err := s.store.Boundary(ctx, reader, account, within.Start)
		if err != nil {
			return Summary{}, err
		}
		first = max(first, boundary)
	}
	end, known := within.End, covered
	if end.IsZero() {
		end, known = latest, true
	}
	last, complete, err := s.lastBefore(ctx, reader, &state, end, known)
	if err != nil {
		return Summary{}, err
	}
	summary.Provisional = !complete
	last = min(last, state.CompleteTo)
	err = s.sum(ctx, reader, &summary, first, last)
	return summary, err
}

// sum fills in the part of a summary from first to last, both of which are complete. The sums begin behind the event that the
// opening balance is of, so they add up also if an event at the edge cannot be shown.
func (s *Service) sum(ctx context.Context, reader Reader, summary *Summary, first, last int64) error {
	before, err := s.stateAt(ctx, reader, &summary.State, min(first-1, last))
	if err != nil {
		return err
	}
	summary.Opening, summary.Closing = before.Balance, before.Balance
	if first > last {
		return nil
	}
	summary.First, summary.Last = first, last
	after, err := s.stateAt(ctx, reader, &summary.State, last)
	if err != nil {
		return err
	}
	query := SumQuery{Reader: reader, Account: summary.State.Account, After: before.CompleteTo, Last: after.CompleteTo}
	if summary.Sums, err = s.store.Sum(ctx, query); err != nil {
		return err
	}
	summary.Closing = after.Balance
	summary.Sums.LeftOut += last - after.CompleteTo // Events at the end that cannot be shown.
	return summary.check()
}

// check returns an Internal fault if the sums contradict the balances. An event that cannot be shown excuses
// them.
func (s *Summary) check() error {
	moved, err := money.Subtract(s.Sums.Credits, s.Sums.Debits)
	if err != nil {
		return err
	}
	closing, err := money.Add(s.Opening, moved)
	if err != nil {
		return err
	}
	if closing != s.Closing && s.Sums.LeftOut == 0 {
		return fault.Of(fmt.Errorf("the lines %d to %d of account %s move %d, and its balance goes from %d to %d",
			s.First, s.Last, s.State.Account, moved, s.Opening, s.Closing))
	}
	return nil
}
