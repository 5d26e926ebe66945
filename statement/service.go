package statement

import (
	"context"
	"math"

	"codebank.dev/platform/id"
)

const (
	// advanceStep is how many events one Advance may read.
	advanceStep = 10_000
	// maxAdvances bounds the Advances of one call; the next call goes on where it ended.
	maxAdvances = 20
	// maxScan is how many hidden events a page may pass over. A page that reaches it ends early.
	maxScan = 10_000
	// minFetch is the least number of events to fetch at once, so that a small page needs
	// few round trips over hidden events. A page that has found nothing fetches growth times as many next, up
	// to maxFetch.
	minFetch = 64
	maxFetch = 2_000
	growth   = 4
)

// Service returns the state and the lines of accounts. Make one with NewService. It is safe
// for concurrent use.
type Service struct {
	store      Store
	watermarks Watermarks
}

// NewService returns a service over the given database.
func NewService(store Store) *Service { return &Service{store: store} }

// WithWatermarks returns a service that also knows what watermarks say.
func (s *Service) WithWatermarks(watermarks Watermarks) *Service {
	return &Service{store: s.store, watermarks: watermarks}
}

// State first moves the account's complete_to up as far as the events allow, and then returns
// the account as of it. A later call never returns an earlier state, even if another process
// answers it. The error is ErrNoAccount when no event of the account has arrived, or the reader does not see
// the account.
func (s *Service) State(ctx context.Context, reader Reader, account id.ID) (State, error) {
	for range maxAdvances - 1 {
		state, more, err := s.store.Advance(ctx, reader, account, advanceStep)
		if err != nil || !more {
			return state, err
		}
	}
	state, _, err := s.store.Advance(ctx, reader, account, advanceStep)
	return state, err
}

// PageQuery chooses a page of lines.
type PageQuery struct {
	Reader  Reader
	Account id.ID
	Range   Range
	Filter  Filter
	// UpTo is the highest sequence of the lines; 0 for no bound.
	UpTo int64
	// Below is where the page begins: its lines have lower sequences. 0 begins at the newest
	// line.
	Below int64
	// Size is the most lines of the page, 1 or more.
	Size int
}

// Page is a part of an account's lines, newest first by sequence.
type Page struct {
	// State is the account at the time of the page. Lines above State.CompleteTo are provisional.
	State State
	Lines []Line
	// LeftOut are the sequences of the lines that cannot be shown, among those that the page
	// has read.
	LeftOut []int64
	// Next is the Below of the next page, or 0 when there is none. A page can be short or even
	// empty, and still have a next one.
	Next int64
}

// Page returns a page of the lines that a customer sees. Later events come above, so pages
// stay as they are while new lines arrive. No event can arrive late below complete_to. A line
// that cannot be shown is left out, and the page names it. Errors are those of State.
func (s *Service) Page(ctx context.Context, query PageQuery) (Page, error) {
	below, floor, err := s.bounds(ctx, query)
	if err != nil {
		return Page{}, err
	}
	next := LineQuery{Reader: query.Reader, Account: query.Account, Below: below, Limit: max(minFetch, query.Size+1)}
	state, more, lines, err := s.store.AdvanceWithLines(ctx, next, advanceStep)
	if err == nil && more {
		state, err = s.State(ctx, query.Reader, query.Account)
	}
	if err != nil {
		return Page{}, err
	}
	selection := selection{page: Page{State: state}, query: query, floor: floor}
	selection.query.Filter = query.Filter.folded()
	err = s.fill(ctx, &selection, next, lines)
	return selection.page, err
}

// fill reads the events of a page, highest sequence first. The first of them were read already.
func (s *Service) fill(ctx context.Context, selection *selection, next LineQuery, lines []Line) (err error) {
	for scanned := 0; next.Below > selection.floor; {
		for i := range lines {
			if !selection.add(&lines[i]) {
				return nil
			}
		}
		if len(lines) < next.Limit {
			return nil
		}
		next.Below = lines[len(lines)-1].Sequence
		if scanned += len(lines); scanned >= maxScan {
			if next.Below > selection.floor {
				selection.page.Next = next.Below
			}
			return nil
		}
		next.Limit = min(growth*next.Limit, maxFetch, maxScan-scanned)
		if lines, err = s.store.Lines(ctx, next); err != nil {
			return err
		}
	}
	return nil
}

// selection collects a page from the events of an account, highest sequence first.
type selection struct {
	page  Page
	query PageQuery
	floor int64
}

// add reads the next event. It returns false when the page is complete.
func (s *selection) add(line *Line) bool {
	switch {
	case line.Sequence < s.floor:
		return false
	case line.Unsound:
		s.page.LeftOut = append(s.page.LeftOut, line.Sequence)
	case !line.Shown() || !s.query.Range.holds(line) || !s.query.Filter.matches(line):
	case len(s.page.Lines) == s.query.Size:
		s.page.Next = s.page.Lines[s.query.Size-1].Sequence
		return false
	default:
		s.page.Lines = append(s.page.Lines, *line)
	}
	return true
}

// bounds returns where a page begins and the lowest sequence that it may reach. Dates can be
// turned into sequences, because time never goes back within an account.
func (s *Service) bounds(ctx context.Context, query PageQuery) (below, floor int64, err error) {
	below = query.Below
	if below <= 0 {
		below = math.MaxInt64
	}
	if query.UpTo > 0 && query.UpTo < below {
		below = query.UpTo + 1
	}
	if end := query.Range.End; !end.IsZero() {
		boundary, err := s.store.Boundary(ctx, query.Reader, query.Account, end)
		if err != nil {
			return 0, 0, err
		}
		below = min(below, boundary)
	}
	if start := query.Range.Start; !start.IsZero() {
		floor, err = s.store.Boundary(ctx, query.Reader, query.Account, start)
	}
	return below, floor, err
}

// holds reports whether a line is in the range. The bounds do not cover a line that arrived
// after they were read.
func (r Range) holds(line *Line) bool {
	return (r.Start.IsZero() || !line.OccurredAt.Before(r.Start)) && (r.End.IsZero() || line.OccurredAt.Before(r.End))
}
