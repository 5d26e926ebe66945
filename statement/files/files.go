// Package files makes files of statements, which their owners take along.
//
// A file is a row with a state, and parts of content. It is made in parts: each part is one commit of some
// content, of how far the writer has come, and of the progress that is shown. So a program that is killed loses
// at most one part, and whoever comes next goes on behind the last one. One worker at a time has the claim on a
// file, with a number that fences: what an earlier claimant writes is refused.
//
//   - Service is what callers do: ask for a file, see how far it is, take it along
//   - Maker makes files, for a caller who waits and for jobs
//   - Announcer tells their owners by e-mail
//   - Store and Workshop are the ports to the database; statement/postgres implements both
//
// A file belongs to who asked for it. It is shown to nobody else, and to him only while he may see the account.
package files

import (
	"context"
	"time"

	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
	"codebank.dev/statement"
	"codebank.dev/statement/file"
)

// Limits of an owner, and of a file.
const (
	// AtOnce is the longest range whose file is made while the caller waits.
	AtOnce = 15 * 24 * time.Hour
	// MaxPending is how many files of an owner may be pending at a time.
	MaxPending = 5
	// MaxKept is how many files of an owner may be pending or have content at a time.
	MaxKept = 100
	// MaxLines is the most lines of a file.
	MaxLines = 5_000_000
	// Retention is how long the content is kept after the file is ready.
	Retention = 7 * 24 * time.Hour
	// Patience is how long a file waits for the events of its range.
	Patience = 10 * time.Minute
	// RequestPatience is how long a request that nobody waits for may wait until it is admitted.
	RequestPatience = time.Hour
)

// State is how far a file is. The numbers are stored: append only.
type State uint8

// The states. A file goes from Pending to Ready or Failed, and from Ready to Expired.
const (
	Pending State = iota + 1
	Running
	Ready
	Failed
	Expired
)

// Ended reports whether nobody works on the file any more.
func (s State) Ended() bool { return s >= Ready }

// The stable reasons of files that failed.
const (
	// FailureNotComplete: events in the range were missing for too long.
	FailureNotComplete = "RANGE_NOT_COMPLETE"
	// FailureNotSound: an event in the range cannot be shown, so the balance would not add up.
	FailureNotSound = "LINES_NOT_SOUND"
	// FailureTooLong: more than MaxLines lines.
	FailureTooLong = "RANGE_TOO_LONG"
	// FailureNoAccount: who asked does not see the account any more.
	FailureNoAccount = "ACCOUNT_NOT_FOUND"
	// FailureTooManyPending and FailureTooManyKept: the owner had too many files for as long as the request could wait.
	FailureTooManyPending = "TOO_MANY_PENDING_FILES"
	FailureTooManyKept    = "TOO_MANY_FILES"
	// FailureNotMade: it could not be made for a day.
	FailureNotMade = "NOT_MADE"
)

// What a file waits for while it is Pending.
const (
	// WaitingForEvents: an event in the range is known to be missing.
	WaitingForEvents = "EVENTS_MISSING"
	// WaitingForEnd: events before the end of the range may still arrive, as the watermarks say.
	WaitingForEnd = "END_NOT_REACHED"
	// WaitingForAccount and WaitingForTurn: a request that is not admitted yet, because who asked does not see the
	// account, or because too many files of his are pending.
	WaitingForAccount = "ACCOUNT_NOT_FOUND"
	WaitingForTurn    = "TOO_MANY_PENDING_FILES"
)

// Errors.
var (
	// ErrNoFile says that there is no such file of the caller.
	ErrNoFile = fault.New(fault.NotFound, "FILE_NOT_FOUND", "There is no such file.")
	// ErrReused says that a request id stands for another file.
	ErrReused = fault.New(fault.Aborted, "REQUEST_ID_REUSED", "This request id was used before with another request.").In("request_id")
	// ErrTooMany says that too many files of the owner are pending.
	ErrTooMany = fault.New(fault.ResourceExhausted, "TOO_MANY_PENDING_FILES",
		"Five files are being made already. Wait until one of them is ready.").After(30 * time.Second)
	// ErrTooManyKept says that the owner has too many files.
	ErrTooManyKept = fault.New(fault.ResourceExhausted, "TOO_MANY_FILES",
		"There are a hundred files already. One expires seven days after it was made.").After(time.Hour)
	// ErrNotReady says that a file has no content yet, or never will.
	ErrNotReady = fault.New(fault.FailedPrecondition, "FILE_NOT_READY", "The file is not ready. Its state says how far it is.")
	// ErrExpired says that the content was deleted.
	ErrExpired = fault.New(fault.FailedPrecondition, "FILE_EXPIRED", "The content was deleted seven days after the file was made. Ask for a new file.")
	// ErrLost says that another worker has the claim on a file.
	ErrLost = fault.New(fault.Aborted, "FILE_CLAIM_LOST", "Another worker makes the file.")
)

// File is a statement that can be taken along.
type File struct {
	ID      id.ID
	Account id.ID
	// Owner is the namespace of who asked for it.
	Owner string
	// Reader is whose eyes the lines are read with.
	Reader statement.Reader
	// Requester is the namespace of the request id: the owner, or the program that asked by an event.
	Requester string
	RequestID string
	Range     statement.Range
	Format    file.Format
	// Email is where the file is announced if a job makes it; empty for nowhere.
	Email     string
	Language  string
	CreatedAt time.Time

	State   State
	Failure string // of a file that Failed
	// Waiting is what a Pending file waits for; empty for nothing.
	Waiting string
	// AdmittedAt is when a request that had to wait was admitted; zero for one that had not.
	AdmittedAt time.Time
	// CompleteTo is the account's complete_to when the work began: nothing up to it is missing in the file. While a file
	// waits for events it is that of the last look.
	CompleteTo int64
	// First and Last are the sequences that the range had then, and Done is how far the parts go.
	First, Last, Done int64
	Lines             int64
	Parts             int32
	Size              int64 // bytes of the parts
	Digest            string
	ExpiresAt         time.Time // zero before it is ready
	// Repeat says that this answers a request that was made before. It is not stored.
	Repeat bool
}

// Admitted reports whether a file counts as one that is being made, and may be made.
func (f *File) Admitted() bool { return f.Waiting != WaitingForAccount && f.Waiting != WaitingForTurn }

// begun is since when a file waits for the events of its range.
func (f *File) begun() time.Time {
	if f.AdmittedAt.After(f.CreatedAt) {
		return f.AdmittedAt
	}
	return f.CreatedAt
}

// Progress returns how much of the file is made, 0 to 100.
func (f *File) Progress() int32 {
	switch {
	case f.State == Ready || f.State == Expired:
		return 100
	case f.Last < f.First || f.Done < f.First:
		return 0
	}
	return int32(min(99, (f.Done-f.First+1)*100/(f.Last-f.First+1)))
}

// FileName returns the name to save the file by.
func (f *File) FileName() string {
	const day = "20060102"
	return "statement-" + f.Account.String()[:8] + "-" + f.Range.Start.UTC().Format(day) + "-" +
		f.Range.End.Add(-time.Millisecond).UTC().Format(day) + f.Format.Extension()
}

// sameAs reports whether two requests ask for the same. Where a file is announced is no part of it: a user may have
// got another address since, and the file is announced once.
func (f *File) sameAs(other *File) bool {
	return f.Account == other.Account && f.Range.Start.Equal(other.Range.Start) && f.Range.End.Equal(other.Range.End) &&
		f.Format == other.Format && f.Language == other.Language && f.Owner == other.Owner
}

// Query chooses files of an owner.
type Query struct {
	Owner   string
	Reader  statement.Reader
	Account id.ID
	// Before is a file behind which the page goes on; zero for the newest file.
	Before id.ID
	Size   int
}

// Store is what callers need of the database. Every method answers fault.Unavailable while the database is
// away. Safe for concurrent use, by any number of processes.
type Store interface {
	// CreateFile stores a file and the job that makes it, in one commit. If the requester's request id has a file
	// already, it returns that one. The job waits a while, if a caller makes the file meanwhile. Errors: ErrTooMany,
	// ErrTooManyKept.
	CreateFile(ctx context.Context, file *File, wait time.Duration) (File, error)
	// RequestFile is CreateFile for a request that nobody waits for. One that waits for its account, and one too many
	// of its owner, are stored as files that are not admitted; with more than MaxKept files of the owner as a file that
	// has Failed.
	RequestFile(ctx context.Context, file *File) (File, error)
	// File returns a file of an owner, or ErrNoFile: also when the reader does not see the account.
	File(ctx context.Context, query Query, file id.ID) (File, error)
	// Files returns files of an owner, newest first; none if the reader does not see the account.
	Files(ctx context.Context, query Query) ([]File, error)
	// Part returns a part of the content, from 0 on, or ErrExpired when it is not there.
	Part(ctx context.Context, file id.ID, number int32) ([]byte, error)
}

// Plan is what is known of a range before its first line is read.
type Plan struct {
	// First and Last are the range's sequences; Last is below First when it has none.
	First, Last int64
	// Missing says that an event in the range has not arrived.
	Missing bool
	// NotSound is how many events of the range cannot be shown.
	NotSound int64
	Header   file.Header
}

// Part is a step of the work: content, and how far the writer is behind it.
type Part struct {
	Content []byte
	// Writer is the state of the writer, to go on with.
	Writer []byte
	// Done is the sequence up to which lines are in the parts, and Lines is how many.
	Done, Lines int64
}

// Claim is the right to make a file. It is lost when it has not been renewed in time, by a part.
type Claim struct {
	File
	// Fence is the number of the claim; each has another.
	Fence int64
	// Writer is the state of the writer behind the last part; nil if there is none.
	Writer []byte
}

// RangeReader reads what a file is made of.
type RangeReader interface {
	// Plan reads what is known of the file's range up to complete_to.
	Plan(ctx context.Context, file *File, state statement.State) (Plan, error)
	// FileLines calls each with the lines that a customer sees, some at a time, lowest sequence first. It returns
	// the error of each, if there is one. each may keep the lines, and must not take long.
	FileLines(ctx context.Context, query LineQuery, each func([]statement.Line) error) error
}

// Workshop is what making files needs of the database. Methods with a claim return ErrLost when another worker
// has one, and change nothing then.
type Workshop interface {
	RangeReader

	// Claim claims a file. ok is false if it has ended, or if another worker has a claim on it.
	Claim(ctx context.Context, file id.ID) (claim Claim, ok bool, err error)
	// Admit admits a file, unless too many of its owner are pending.
	Admit(ctx context.Context, claim *Claim) (admitted bool, err error)
	// AddPart commits a part and renews the claim. It counts up claim.Parts and the rest.
	AddPart(ctx context.Context, claim *Claim, part *Part) error
	// EndFile ends a file.
	EndFile(ctx context.Context, claim *Claim, end *End) error
}

// LineQuery chooses lines of an account. A reader who does not see the account gets none.
type LineQuery struct {
	Reader  statement.Reader
	Account id.ID
	// Above and UpTo bound the sequences.
	Above, UpTo int64
	Limit       int
}

// End is how the work on a file ends.
type End struct {
	// State is Ready or Failed; or Pending, when the file waits and the claim is given back.
	State   State
	Failure string
	// Waiting is what a Pending file waits for.
	Waiting string
	Digest  string
	// Last is the last content, behind the parts.
	Last []byte
	// Instead is all content, in place of the parts; nil for none.
	Instead [][]byte
	// Announce says that the owner is told by e-mail, if he gave an address.
	Announce bool
}
