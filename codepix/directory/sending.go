package directory

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"codebank.dev/platform/mail/due"
)

// DefaultSendEvery is how often a Mailer looks for codes that are due, besides those of its own program.
const DefaultSendEvery = time.Second

// Mailer sends the codes that are due. It makes them when it sends them, so no code is ever stored, and none waits in
// a queue. Any number of them may work on one store.
type Mailer struct {
	Service *Service
	Sender  Sender
	Logger  *slog.Logger
	// Every is how often it looks for codes; 0 means DefaultSendEvery.
	Every time.Duration

	sent, failed atomic.Int64
}

// Counts returns how many codes were sent, and how many tries failed.
func (m *Mailer) Counts() (sent, failed int64) { return m.sent.Load(), m.failed.Load() }

// Run sends codes until ctx ends.
func (m *Mailer) Run(ctx context.Context) {
	every := m.Every
	if every <= 0 {
		every = DefaultSendEvery
	}
	loop := due.Loop{Next: m.SendNext, Every: every, Wake: m.Service.due, Failed: func(ctx context.Context, err error) {
		m.failed.Add(1)
		m.Logger.WarnContext(ctx, "a code was not sent; it is tried again", "error", err)
	}}
	loop.Run(ctx)
}

// SendNext sends one code, if one is due, and reports whether one was. It is sent again, as another code, if the program dies before it is marked
// as sent.
func (m *Mailer) SendNext(ctx context.Context) (bool, error) {
	store, now := m.Service.config.Store, m.Service.now()
	waiting, ok, err := store.DueCode(ctx, now)
	if err != nil || !ok {
		return false, err
	}
	code, err := NewCode()
	if err != nil {
		return true, err
	}
	hash := codeHash(m.Service.config.Secret, waiting.Key, waiting.Party, code)
	if err := store.StoreCode(ctx, waiting, hash, now.Add(CodeLifetime)); err != nil {
		return true, err
	}
	if err := m.Sender.Send(ctx, waiting.Key, code); err != nil {
		return true, err
	}
	m.sent.Add(1)
	return true, store.CodeSent(ctx, waiting)
}
