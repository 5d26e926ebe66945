package audit_test

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"codebank.dev/operations/audit"
	"codebank.dev/schemas/event"
)

// synthetic is a ledger and its copies, made while they are read: it takes no memory
// itself, however many events there are.
type synthetic struct{ accounts, events int }

// Cut implements audit.Ledger.
func (s synthetic) Cut(_ context.Context, cut audit.Cut) error {
	for account := range s.accounts {
		if err := cut.Account(accountOf(account, s.events)); err != nil {
			return err
		}
	}
	return nil
}

// Events implements audit.Ledger.
func (s synthetic) Events(context.Context) iter.Seq2[*audit.Copy, error] {
	order := make([]int, s.accounts)
	for account := range order {
		order[account] = account
	}
	slices.SortFunc(order, func(a, b int) int {
		x, y := idOf(1, a), idOf(1, b)
		return slices.Compare(x[:], y[:])
	})
	return func(yield func(*audit.Copy, error) bool) {
		for _, account := range order {
			for sequence := 1; sequence <= s.events; sequence++ {
				if !yield(copyOf(eventOf(account, sequence)), nil) {
					return
				}
			}
		}
	}
}

// Refusals implements audit.Ledger.
func (s synthetic) Refusals(context.Context) iter.Seq2[*audit.Copy, error] {
	return func(func(*audit.Copy, error) bool) {}
}

// Find implements audit.Ledger.
func (s synthetic) Find(context.Context, audit.Wanted) ([]audit.Copy, error) { return nil, nil }

// duplicate is one of the other places: the same events in another order, from two
// goroutines, as a topic's partitions come.
type duplicate struct {
	synthetic
	make func(event.Transaction) *audit.Copy
}

// Read implements audit.Source.
func (d duplicate) Read(_ context.Context, each func(*audit.Copy) error) error {
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	for half := range 2 {
		group.Go(func() {
			for sequence := 1; sequence <= d.events; sequence++ {
				for account := half; account < d.accounts; account += 2 {
					c := d.make(eventOf(account, sequence))
					c.Position = audit.Position{Partition: int32(half), Offset: int64(sequence*d.accounts + account)}
					if err := each(c); err != nil {
						failed.Store(&err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return *err
	}
	return nil
}

type nothing struct{}

// Read implements audit.Source.
func (nothing) Read(context.Context, func(*audit.Copy) error) error { return nil }

// Find implements audit.Source.
func (nothing) Find(context.Context, audit.Wanted) ([]audit.Copy, error) { return nil, nil }

func (s synthetic) audit(dir string) *audit.Audit {
	return &audit.Audit{
		BankCode: "001", Ledger: s, Outbox: nothing{}, TempDir: dir,
		Topic: duplicate{s, copyOf}, Statement: duplicate{s, statementCopy}, Index: duplicate{s, copyOf},
	}
}

// peak runs work and returns the most memory that the heap held meanwhile, in bytes.
func peak(work func()) uint64 {
	runtime.GC()
	done := make(chan struct{})
	var most uint64
	var group sync.WaitGroup
	group.Go(func() {
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for {
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			most = max(most, stats.HeapInuse+stats.StackInuse)
			select {
			case <-ticker.C:
			case <-done:
				return
			}
		}
	})
	work()
	close(done)
	group.Wait()
	return most
}

func TestMemoryDoesNotGrowWithTheEvents(t *testing.T) {
	const mebibyte = 1 << 20
	accounts := 2000
	if testing.Short() {
		accounts = 500
	}
	for _, events := range []int{10, 100} {
		s := synthetic{accounts: accounts, events: events}
		used := peak(func() {
			report, err := s.audit(t.TempDir()).Run(t.Context())
			require.NoError(t, err)
			require.True(t, report.Equal, table(t, report))
			require.EqualValues(t, s.accounts*s.events, report.Places[audit.InIndex].Events)
		})
		t.Logf("%d events: %d MiB", s.accounts*s.events, used/mebibyte)
		require.Less(t, used, uint64(96*mebibyte), "%d events", s.accounts*s.events)
	}
}

func BenchmarkAudit(b *testing.B) {
	for _, events := range []int{10, 100} {
		s := synthetic{accounts: 10_000, events: events}
		b.Run(fmt.Sprintf("events=%d", s.accounts*events), func(b *testing.B) {
			var used uint64
			for b.Loop() {
				used = max(used, peak(func() {
					report, err := s.audit(b.TempDir()).Run(b.Context())
					require.NoError(b, err)
					require.True(b, report.Equal)
				}))
			}
			b.ReportMetric(float64(used)/(1<<20), "MiB")
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N)/1000, "s/audit")
		})
	}
}
