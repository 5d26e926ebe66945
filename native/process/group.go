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

// Group is a table of processes. Rows are added before Start; a row that [Group.Add] adds later
// is started by its own Start. It is safe for concurrent use.
type Group struct {
	logs     string
	progress func(name, message string)
	failures chan *Failure

	mutex sync.Mutex
	rows  []*Process
}

// NewGroup makes a table that logs to a folder, one file per row. The function progress gets
// the name of a row and a message for each event, one call at a time; nil means no messages.
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

// Add adds a row. The rows that it needs and uses must have been added before, so the order of
// the table is a valid order to start it. Add panics on a row that breaks this rule, because
// tables are written in code and not read from outside.
func (g *Group) Add(spec Spec) *Process {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	for _, name := range slices.Concat(spec.Needs, spec.Uses) {
		if g.find(name) == nil {
			panic(fmt.Sprintf("process: %s needs %s, which was not added before it", spec.Name, name))
		}
	}
	if g.find(spec.Name) != nil || (spec.Command == nil) == (spec.Task == nil) {
		panic("process: " + spec.Name + " exists already, or does not have exactly one of Command and Task")
	}
	row := &Process{
		spec:  spec.withDefaults(),
		log:   filepath.Join(g.logs, spec.Name+".log"),
		ended: g.reportFailure,
	}
	g.rows = append(g.rows, row)
	return row
}

// Remove removes a row that was stopped and will not start again.
func (g *Group) Remove(name string) {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.rows = slices.DeleteFunc(g.rows, func(row *Process) bool { return row.spec.Name == name })
}

// Process returns the row with a name; nil if there is none.
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

// reportFailure keeps the first unexpected end. One is enough to stop everything.
func (g *Group) reportFailure(failure *Failure) {
	select {
	case g.failures <- failure:
	default:
	}
}

// Start prepares all rows at once, starts each row when the rows that it needs are ready, and
// returns when all are ready. With names it starts only those rows and the rows that they need.
// It empties the logs of an earlier start. If one row fails, Start stops the others and returns
// the failure.
func (g *Group) Start(ctx context.Context, only ...string) error {
	if err := os.MkdirAll(g.logs, 0o755); err != nil {
		return err
	}
	for _, name := range only {
		if g.Process(name) == nil {
			return fmt.Errorf("there is no process %s to start", name)
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
			if err := g.startRow(work, row, ready); err != nil {
				cancel(err)
				return
			}
			close(ready[row.spec.Name])
		})
	}
	finished := make(chan struct{})
	go func() {
		group.Wait()
		close(finished)
	}()
	select {
	case <-finished:
	case failure := <-g.failures:
		cancel(failure)
		<-finished
	}
	if err := context.Cause(work); err != nil {
		return errors.Join(err, g.Stop(context.WithoutCancel(ctx)))
	}
	return nil
}

// needed returns the rows with these names and all rows that they need, in the order of the
// table. Without names it returns every row.
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

// startRow prepares and starts one row and waits until it is ready.
func (g *Group) startRow(ctx context.Context, row *Process, ready map[string]chan struct{}) error {
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

// Wait returns nil when ctx ends. It returns a failure when a process ends that nobody has
// stopped, killed or signalled.
func (g *Group) Wait(ctx context.Context) error {
	select {
	case failure := <-g.failures:
		return failure
	case <-ctx.Done():
		return nil
	}
}

// Stop stops the running rows and returns when none runs. A row is stopped after all rows that
// need or use it. When ctx ends, the remaining rows are killed.
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
