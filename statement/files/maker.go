package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
	"codebank.dev/statement/file/pdf"
)

const (
	// partSize is how many bytes a part has at least, except for the last one.
	partSize = 1 << 20
	// readLines is how many lines one query reads. It is open for as long as they are written.
	readLines = 20_000
	// busy is when to look again after a file that another worker makes, and waiting when to look again for events
	// that are missing.
	busy    = 5 * time.Second
	waiting = time.Second
	// releaseTimeout bounds giving a claim back.
	releaseTimeout = 2 * time.Second
)

// Later says that a file is not made yet, when to go on, and what it waits for.
type Later struct {
	After   time.Duration
	Waiting string
}

// Error says when.
func (l *Later) Error() string { return fmt.Sprintf("files: not made yet; go on in %v", l.After) }

// Maker makes files. It is safe for concurrent use, by any number of processes.
type Maker struct {
	Workshop Workshop
	// Part returns a part of the content of a file.
	Part     func(ctx context.Context, file id.ID, number int32) ([]byte, error)
	States   *statement.Service
	BankCode string
	Now      func() time.Time
	Logger   *slog.Logger
	// RequestPatience is how long a request may wait until it is admitted; 0 means RequestPatience of this package.
	RequestPatience time.Duration

	once sync.Once
	// slots bounds the files that this process makes at a time, and pageSlots the PDFs, which are whole in memory.
	slots, pageSlots chan struct{}
}

const (
	maxAtOnce  = 8
	maxPDFs    = 2
	slotWaited = 100 * time.Millisecond
)

// take takes a slot until ctx ends, and returns what gives it back.
func take(ctx context.Context, slots chan struct{}) (giveBack func(), err error) {
	select {
	case slots <- struct{}{}:
		return func() { <-slots }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Waiting says for whom a file is made.
type Waiting struct {
	// Until is when to stop behind a part, and to leave the rest for later.
	Until time.Time
	// Announce says that nobody waits for the file, so its owner is told.
	Announce bool
}

// Make goes on with a file until it has ended or time is up. A repeat does nothing to a file that has ended. The
// error is a *Later if there is more to do: for another worker, for missing events, or because time is up. Any other
// error leaves the file as it was behind its last part; try again.
func (m *Maker) Make(ctx context.Context, file id.ID, caller Waiting) error {
	m.once.Do(func() { m.slots, m.pageSlots = make(chan struct{}, maxAtOnce), make(chan struct{}, maxPDFs) })
	queued, cancel := context.WithTimeout(ctx, slotWaited)
	defer cancel()
	giveBack, err := take(queued, m.slots)
	if err != nil {
		return &Later{After: waiting}
	}
	defer giveBack()
	claim, ok, err := m.Workshop.Claim(ctx, file)
	switch {
	case err != nil:
		return err
	case !ok && claim.State.Ended():
		return nil
	case !ok:
		return &Later{After: busy}
	}
	err = m.make(ctx, &claim, caller)
	var unmade *unmade
	if errors.As(err, &unmade) {
		if unmade.cause != nil {
			m.Logger.ErrorContext(ctx, "a file of a statement cannot be made", "file", file.String(), "account", claim.Account.String(),
				"failure", unmade.failure, "error", unmade.cause)
		}
		return m.Workshop.EndFile(ctx, &claim, &End{State: Failed, Failure: unmade.failure})
	}
	if errors.Is(err, ErrLost) {
		return &Later{After: busy}
	}
	if err != nil {
		m.release(ctx, &claim, err)
	}
	return err
}

// make makes a file that is claimed.
func (m *Maker) make(ctx context.Context, claim *Claim, caller Waiting) error {
	if err := m.admit(ctx, claim); err != nil {
		return err
	}
	making, err := m.begin(ctx, claim)
	if err != nil {
		return err
	}
	making.waiting = caller
	return making.run(ctx)
}

// release gives a claim back, so that nobody waits for its end; also when the program is ending. It stores what the
// file waits for, if the error says so.
func (m *Maker) release(ctx context.Context, claim *Claim, cause error) {
	var later *Later
	if errors.As(cause, &later) {
		claim.Waiting = later.Waiting
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := m.Workshop.EndFile(ctx, claim, &End{State: Pending, Waiting: claim.Waiting}); err != nil {
		m.Logger.DebugContext(ctx, "a claim on a file was not given back, and ends by itself", "file", claim.ID.String(), "error", err)
	}
}

// unmade is the error of a file that can never be made. cause is nil for what is nobody's fault.
type unmade struct {
	failure string
	cause   error
}

// Error is for the log.
func (u *unmade) Error() string { return "files: " + u.failure }

// failureOf returns unmade for the errors that stay.
func failureOf(err error) error {
	switch {
	case errors.Is(err, statement.ErrNoAccount):
		return &unmade{FailureNoAccount, nil}
	case errors.Is(err, file.ErrTooLongForPDF):
		return &unmade{file.ErrTooLongForPDF.Reason, nil}
	case errors.Is(err, file.ErrNotAdded), err != nil && fault.CodeOf(err) == fault.InvalidArgument:
		return &unmade{FailureNotSound, err}
	}
	return err
}

// begin plans a file, or goes on with one.
func (m *Maker) begin(ctx context.Context, claim *Claim) (*making, error) {
	w := &making{Maker: m, claim: claim}
	if claim.Writer != nil {
		var err error
		w.writer, err = file.Resume(&w.content, claim.Writer)
		return w, failureOf(err)
	}
	covered, known := m.States.Covered(claim.Account, claim.Range.End)
	state, err := m.States.State(ctx, claim.Reader, claim.Account)
	if err != nil {
		return nil, failureOf(err)
	}
	plan, err := m.Workshop.Plan(ctx, &claim.File, state)
	switch {
	case err != nil:
		return nil, err
	case plan.Missing:
		return nil, m.wait(claim, &state, WaitingForEvents)
	case known && !covered && plan.Last >= state.CompleteTo:
		// No later event is there, which would prove that the range is complete, and no watermark says so.
		return nil, m.wait(claim, &state, WaitingForEnd)
	case plan.NotSound > 0:
		return nil, &unmade{FailureNotSound, fmt.Errorf("%d events cannot be shown", plan.NotSound)}
	case plan.Header.Totals.Lines > MaxLines:
		return nil, &unmade{FailureTooLong, nil}
	}
	plan.Header.BankCode = m.BankCode
	if err := plan.Header.Check(claim.Format); err != nil {
		return nil, failureOf(err)
	}
	claim.CompleteTo, claim.First, claim.Last, claim.Done = plan.Header.CompleteTo, plan.First, plan.Last, plan.First-1
	w.writer, err = file.NewWriter(&w.content, claim.Format.Parts(), &plan.Header)
	return w, failureOf(err)
}

// wait says that a file waits for events, until it has waited for too long.
func (m *Maker) wait(claim *Claim, state *statement.State, what string) error {
	if m.Now().Sub(claim.begun()) > Patience {
		return &unmade{FailureNotComplete, nil}
	}
	claim.CompleteTo = state.CompleteTo
	return &Later{After: waiting, Waiting: what}
}

// making is a file that is being made.
type making struct {
	*Maker
	claim   *Claim
	waiting Waiting
	writer  *file.Writer
	// content is what the writer has written behind the last part.
	content bytes.Buffer
	// adding is the end of the commit of the last part, which goes on while the next one is written.
	adding chan error
}

// batch is what one read gives.
type batch struct {
	lines []statement.Line
	err   error
}

// run writes the file part by part. Lines are read, parts are written, and parts are committed at the same time.
func (w *making) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	batches := make(chan batch, 2)
	go w.fetch(ctx, LineQuery{Reader: w.claim.Reader, Account: w.claim.Account, Above: w.claim.Done, UpTo: w.claim.Last, Limit: readLines}, batches)
	err := w.write(ctx, batches)
	cancel()
	for range batches { // The reader has ended when the channel is closed.
	}
	return errors.Join(err, w.added())
}

func (w *making) fetch(ctx context.Context, query LineQuery, batches chan<- batch) {
	defer close(batches)
	pass := func(b batch) error {
		select {
		case batches <- b:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for read := query.Limit; read == query.Limit; {
		read = 0
		err := w.Workshop.FileLines(ctx, query, func(lines []statement.Line) error {
			read, query.Above = read+len(lines), lines[len(lines)-1].Sequence
			return pass(batch{lines: lines})
		})
		if err != nil {
			_ = pass(batch{err: err})
			return
		}
	}
}

func (w *making) write(ctx context.Context, batches <-chan batch) error {
	done, count := w.claim.Done, w.claim.Lines
	for b := range batches {
		if b.err != nil {
			return b.err
		}
		for i := range b.lines {
			if err := w.writer.Line(&b.lines[i]); err != nil {
				return w.notAdded(ctx, err)
			}
		}
		if len(b.lines) > 0 {
			done, count = b.lines[len(b.lines)-1].Sequence, count+int64(len(b.lines))
		}
		if w.content.Len() < partSize {
			continue
		}
		if err := w.add(ctx, done, count); err != nil {
			return err
		}
		if !w.Now().Before(w.waiting.Until) {
			return errors.Join(w.added(), &Later{})
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := w.writer.Close(); err != nil {
		return w.notAdded(ctx, err)
	}
	if err := w.added(); err != nil {
		return err
	}
	w.claim.Done, w.claim.Lines = w.claim.Last, count
	return w.end(ctx)
}

// notAdded returns why lines do not give their totals: who asked may not see them any more.
func (w *making) notAdded(ctx context.Context, err error) error {
	if _, stateErr := w.States.State(ctx, w.claim.Reader, w.claim.Account); stateErr != nil {
		err = stateErr
	}
	return failureOf(err)
}

// add begins to commit what the writer has written as a part.
func (w *making) add(ctx context.Context, done, lines int64) error {
	state, err := w.writer.State()
	if err != nil {
		return failureOf(err)
	}
	part := &Part{Content: bytes.Clone(w.content.Bytes()), Writer: state, Done: done, Lines: lines}
	w.content.Reset()
	if err := w.added(); err != nil {
		return err
	}
	adding := make(chan error, 1)
	w.adding = adding
	go func() { adding <- w.Workshop.AddPart(ctx, w.claim, part) }()
	return nil
}

// added waits until the last part is committed.
func (w *making) added() error {
	if w.adding == nil {
		return nil
	}
	err := <-w.adding
	w.adding = nil
	return err
}

// end ends a file whose lines are all written.
func (w *making) end(ctx context.Context) error {
	end := &End{State: Ready, Digest: w.writer.Digest().String(), Last: w.content.Bytes(), Announce: w.waiting.Announce}
	if w.claim.Format == file.PDF {
		pages, err := w.pages(ctx)
		if err != nil {
			return failureOf(err)
		}
		end.Instead, end.Last = pages, nil
	}
	return w.Workshop.EndFile(ctx, w.claim, end)
}

// pages returns a PDF of the lines that are written, in parts. They are at most file.MaxPDFLines, so the PDF is made in
// memory.
func (w *making) pages(ctx context.Context) ([][]byte, error) {
	giveBack, err := take(ctx, w.pageSlots)
	if err != nil {
		return nil, err
	}
	defer giveBack()
	var lines []byte
	for number := range w.claim.Parts {
		part, err := w.Part(ctx, w.claim.ID, number)
		if err != nil {
			return nil, err
		}
		lines = append(lines, part...)
	}
	var pages bytes.Buffer
	if err := pdf.Write(&pages, append(lines, w.content.Bytes()...)); err != nil {
		return nil, err
	}
	return slices.Collect(slices.Chunk(pages.Bytes(), partSize)), nil
}
