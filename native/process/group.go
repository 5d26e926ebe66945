package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Group is a table of processes. The table is fixed before Start, except for
// what [Group.Add] adds later, which is started by its own Start.
type Group struct {
	logs     string
	progress func(name, message string)
	failures chan *Failure

	mutex sync.Mutex
	rows  []*Process
}

// NewGroup makes a table whose logs go to a folder, a file per row. The
// function is told what happens to which row, one call at a time; nil keeps silent.
func NewGroup(logs string, progress func(name, message string)) *Group {
	if progress == nil {
		progress = func(string, string) {}
	}
	var turn sync.Mutex
	return &Group{
		logs: logs,
		progress: func(name, message string) {
			turn.Lock()
			defer turn.Unlock()
			progress(name, message)
		},
		failures: make(chan *Failure, 1),
	}
}

// Add adds a row. What it needs and uses must have been added before, so the
// order of the table is an order in which it can be started. It panics on a
// row that breaks these rules, because tables are written, not read from outside.
func (g *Group) Add(spec Spec) *Process {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for _, name := range slices.Concat(spec.Needs, spec.Uses) {
		if g.find(name) == nil {
			panic(fmt.Sprintf("process: %s needs %s, which is not above it", spec.Name, name))
		}
	}
	if g.find(spec.Name) != nil || (spec.Command == nil) == (spec.Task == nil) {
		panic("process: " + spec.Name + " is there already, or is not one of process and task")
	}
	row := &Process{
		spec:  spec.withDefaults(),
		log:   filepath.Join(g.logs, spec.Name+".log"),
		ended: g.report,
	}
	g.rows = append(g.rows, row)
	return row
}

// Remove takes a row out of the table that was stopped and will not start again.
func (g *Group) Remove(name string) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.rows = slices.DeleteFunc(g.rows, func(row *Process) bool { return row.spec.Name == name })
}

// Process returns a row by its name, nil if there is none.
func (g *Group) Process(name string) *Process {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return g.find(name)
}

// Processes lists the rows in the order of the table.
func (g *Group) Processes() []*Process {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	return slices.Clone(g.rows)
}

func (g *Group) find(name string) *Process {
	for _, row := range g.rows {
		if row.spec.Name == name {
			return row
		}
	}
	return nil
}

// report keeps the first unexpected end; one is enough to stop everything.
func (g *Group) report(failure *Failure) {
	select {
	case g.failures <- failure:
	default:
	}
}

// Start prepares all rows at once, starts each when what it needs is ready,
// and returns when all are. With names only those rows start, and what they need.
// The logs of an earlier start are emptied. When one row fails, the others are
// stopped again and its failure is returned.
func (g *Group) Start(ctx context.Context, only ...string) error {
	if err := os.MkdirAll(g.logs, 0o755); err != nil {
		return err
	}
	for _, name := range only {
		if g.Process(name) == nil {
			return fmt.Errorf("there is no %s to start", name)
		}
	}
	rows := g.needed(only)
	ready := make(map[string]chan struct{}, len(rows))
	for _, row := range rows {
		ready[row.spec.Name] = make(chan struct{})
		if err := os.WriteFile(row.log, nil, 0o644); err != nil {
			return err
		}
	}
	work, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var group sync.WaitGroup
	for _, row := range rows {
		group.Go(func() {
			if err := g.bring(work, row, ready); err != nil {
				cancel(err)
				return
			}
			close(ready[row.spec.Name])
		})
	}
	settled := make(chan struct{})
	go func() {
		group.Wait()
		close(settled)
	}()
	select {
	case <-settled:
	case failure := <-g.failures:
		cancel(failure)
		<-settled
	}
	if err := context.Cause(work); err != nil {
		return errors.Join(err, g.Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

// needed returns the rows of those names and of all that they need, in the order of
// the table; every row when there are no names.
func (g *Group) needed(names []string) []*Process {
	rows := g.Processes()
	if len(names) == 0 {
		return rows
	}
	wanted := make(map[string]bool)
	var want func(name string)
	want = func(name string) {
		row := g.Process(name)
		if row == nil || wanted[name] {
			return
		}
		wanted[name] = true
		for _, need := range row.spec.Needs {
			want(need)
		}
	}
	for _, name := range names {
		want(name)
	}
	return slices.DeleteFunc(rows, func(row *Process) bool { return !wanted[row.spec.Name] })
}

// bring takes one row from nothing to ready.
func (g *Group) bring(ctx context.Context, row *Process, ready map[string]chan struct{}) error {
	if err := row.spec.Prepare(ctx); err != nil {
		return row.failure(err)
	}
	for _, name := range row.spec.Needs {
		select {
		case <-ready[name]:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	begin := time.Now()
	g.progress(row.spec.Name, "starting")
	if err := row.Start(ctx); err != nil {
		return err
	}
	if err := row.WaitReady(ctx); err != nil {
		return err
	}
	word := "ready"
	if row.spec.Task != nil {
		word = "done"
	}
	g.progress(row.spec.Name, fmt.Sprintf("%s after %.1f s", word, time.Since(begin).Seconds()))
	return nil
}

// Wait returns nil when ctx ends, or the failure of the first process that
// ended though nobody had stopped, killed or signalled it.
func (g *Group) Wait(ctx context.Context) error {
	select {
	case failure := <-g.failures:
		return failure
	case <-ctx.Done():
		return nil
	}
}

// Stop stops what runs, each when everything that needs or uses it has
// stopped, and returns when nothing runs. When ctx ends, what is left is killed.
func (g *Group) Stop(ctx context.Context) error {
	rows := g.Processes()
	stopped := make(map[string]chan struct{}, len(rows))
	for _, row := range rows {
		stopped[row.spec.Name] = make(chan struct{})
	}
	errs := make([]error, len(rows))
	var group sync.WaitGroup
	for i, row := range rows {
		group.Go(func() {
			defer close(stopped[row.spec.Name])
			for _, above := range rows[i+1:] {
				if above.dependsOn(row.spec.Name) {
					<-stopped[above.spec.Name]
				}
			}
			if row.Running() {
				g.progress(row.spec.Name, "stopping")
			}
			errs[i] = row.Stop(ctx)
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

func (p *Process) dependsOn(name string) bool {
	return slices.Contains(p.spec.Needs, name) || slices.Contains(p.spec.Uses, name)
}
