package statement

import (
	"context"
	"math"

	"codebank.dev/platform/id"
)

// HoldQuery chooses a page of pending holds.
type HoldQuery struct {
	Reader  Reader
	Account id.ID
	// Below is where the page begins: its holds have lower sequences. 0 begins at the newest one.
	Below int64
	// Size is the most holds of the page, 1 or more.
	Size int
}

// PendingHolds returns a page of the holds that nothing has ended, newest first. A hold is pending until an
// event that ends it has arrived, even if an earlier event has not. So a hold and its capture are never
// shown together. Errors are those of State.
func (s *Service) PendingHolds(ctx context.Context, query HoldQuery) (Page, error) {
	state, err := s.State(ctx, query.Reader, query.Account)
	if err != nil {
		return Page{}, err
	}
	pending := pendingHolds{page: Page{State: state}, size: query.Size, first: query.Below <= 0}
	below := query.Below
	if pending.first {
		below = math.MaxInt64
	}
	for scanned := 0; ; {
		limit := max(minFetch, query.Size-len(pending.page.Lines)+1)
		holds, err := s.store.Lines(ctx, LineQuery{Reader: query.Reader, Account: query.Account, Below: below, Limit: limit, Holds: true})
		if err != nil {
			return Page{}, err
		}
		for i := range holds {
			if !pending.add(&holds[i]) {
				return pending.page, nil
			}
		}
		if len(holds) < limit {
			return pending.page, nil
		}
		below = holds[len(holds)-1].Sequence
		if scanned += len(holds); scanned >= maxScan {
			pending.page.Next = below
			return pending.page, nil
		}
	}
}

// pendingHolds collects a page from the holds of an account, newest first.
type pendingHolds struct {
	page  Page
	size  int
	first bool // the page begins at the newest hold
	// held is how much of State.Held the holds that were read explain.
	held int64
}

// add reads the next hold. It returns false when the page is complete. An account may have had many holds,
// so the first page ends where the holds that were read explain all that is held.
func (p *pendingHolds) add(hold *Line) bool {
	if hold.Unsound {
		p.page.LeftOut = append(p.page.LeftOut, hold.Sequence)
		return true
	}
	if hold.Sequence <= p.page.State.CompleteTo {
		if p.first && p.held >= p.page.State.Held {
			return false
		}
		if hold.EndedBy == 0 || hold.EndedBy > p.page.State.CompleteTo {
			p.held += hold.Amount
		}
	}
	switch {
	case hold.EndedBy != 0:
	case len(p.page.Lines) == p.size:
		p.page.Next = p.page.Lines[p.size-1].Sequence
		return false
	default:
		p.page.Lines = append(p.page.Lines, *hold)
	}
	return true
}
