package files

import (
	"context"
	"errors"
	"time"

	"codebank.dev/platform/id"
	"codebank.dev/statement"
)

const (
	// waitAtOnce bounds how long a caller waits for a file.
	waitAtOnce = 10 * time.Second
	// jobAfter is when the job of a file looks after it that a caller makes. Its own claim would have ended then.
	jobAfter = 20 * time.Second
	// lookAgain is how often a caller looks whether another worker has ended a file.
	lookAgain = 50 * time.Millisecond
)

// Service is what callers do with files. It is safe for concurrent use.
type Service struct {
	Store Store
	// States says whether there is an account, and that a reader sees it.
	States *statement.Service
	Maker  *Maker
	// New makes ids, and Now is the clock.
	New func() id.ID
	Now func() time.Time
}

// Create makes a file, or returns the one that the same request has already. A file of up to AtOnce is Ready in
// the answer, unless it takes more than ten seconds or waits for missing events; a job makes any other. Errors:
// statement.ErrNoAccount, ErrReused, ErrTooMany, ErrTooManyKept.
func (s *Service) Create(ctx context.Context, request *File) (File, error) {
	created, atOnce, err := s.request(ctx, request)
	if err != nil || !atOnce {
		return created, err
	}
	for until := s.Now().Add(waitAtOnce); ; {
		var later *Later
		err := s.Maker.Make(ctx, created.ID, Waiting{Until: until})
		if err != nil && !errors.As(err, &later) {
			return File{}, err
		}
		repeat := created.Repeat
		created, err = s.Store.File(ctx, Query{Owner: created.Owner, Reader: created.Reader, Account: created.Account}, created.ID)
		created.Repeat = repeat
		if err != nil || created.State.Ended() || !s.Now().Before(until) {
			return created, err
		}
		select {
		case <-ctx.Done():
			return created, nil
		case <-time.After(lookAgain):
		}
	}
}

// Request is Create for a request that nobody waits for: a job makes the file, however short it is. If who asks does not
// see the account yet, or has too many files that are pending, the file waits until it can be admitted, and has Failed if
// that takes too long. Errors: ErrReused.
func (s *Service) Request(ctx context.Context, request *File) (File, error) {
	request = s.begin(request)
	switch _, err := s.States.State(ctx, request.Reader, request.Account); {
	case errors.Is(err, statement.ErrNoAccount):
		request.Waiting = WaitingForAccount
	case err != nil:
		return File{}, err
	}
	created, err := s.Store.RequestFile(ctx, request)
	if err == nil && !created.sameAs(request) {
		return File{}, ErrReused
	}
	return created, err
}

// request stores a file, and says whether the caller waits for it.
func (s *Service) request(ctx context.Context, request *File) (created File, atOnce bool, err error) {
	request = s.begin(request)
	var wait time.Duration
	if atOnce = request.Range.End.Sub(request.Range.Start) <= AtOnce; atOnce {
		wait = jobAfter
	}
	created, err = s.create(ctx, request, wait)
	return created, atOnce && !created.State.Ended(), err
}

func (s *Service) begin(request *File) *File {
	begun := *request
	begun.ID, begun.State, begun.CreatedAt = s.New(), Pending, s.Now().UTC().Truncate(time.Millisecond)
	return &begun
}

func (s *Service) create(ctx context.Context, request *File, wait time.Duration) (File, error) {
	if _, err := s.States.State(ctx, request.Reader, request.Account); err != nil {
		return File{}, err
	}
	created, err := s.Store.CreateFile(ctx, request, wait)
	if err == nil && !created.sameAs(request) {
		return File{}, ErrReused
	}
	created.Repeat = err == nil && created.ID != request.ID
	return created, err
}

// Get returns a file of the owner. Errors: ErrNoFile.
func (s *Service) Get(ctx context.Context, query Query, file id.ID) (File, error) {
	found, err := s.Store.File(ctx, query, file)
	if err == nil {
		s.expire(&found)
	}
	return found, err
}

// expire shows a file as Expired from the moment on, even if its content was not deleted yet.
func (s *Service) expire(file *File) {
	if file.State == Ready && !s.Now().Before(file.ExpiresAt) {
		file.State = Expired
	}
}

// List returns files of the owner, newest first. more says that there are further ones. Errors:
// statement.ErrNoAccount.
func (s *Service) List(ctx context.Context, query Query) (list []File, more bool, err error) {
	if _, err := s.States.State(ctx, query.Reader, query.Account); err != nil {
		return nil, false, err
	}
	query.Size++
	list, err = s.Store.Files(ctx, query)
	if len(list) == query.Size {
		list, more = list[:query.Size-1], true
	}
	for i := range list {
		s.expire(&list[i])
	}
	return list, more, err
}

// Content calls part with each part of the content of a Ready file, in order. It holds one part at a time, and
// nothing of the database while part runs. Errors: ErrNoFile, ErrNotReady, ErrExpired, and those of part.
func (s *Service) Content(ctx context.Context, query Query, file id.ID, part func([]byte) error) error {
	found, err := s.Get(ctx, query, file)
	switch {
	case err != nil:
		return err
	case found.State == Expired:
		return ErrExpired
	case found.State != Ready:
		return ErrNotReady
	}
	for number := range found.Parts {
		content, err := s.Store.Part(ctx, file, number)
		if err != nil {
			return err
		}
		if err := part(content); err != nil {
			return err
		}
	}
	return nil
}
