// Package courier brings events to merchants' endpoints: the Dispatcher makes deliveries of events, and the Courier
// sends those that are due, one endpoint at a time.
//
//	courier.go     Courier: what the job of an endpoint does
//	dispatcher.go  Dispatcher: from events to deliveries
package courier

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"codebank.dev/checkout/payment"
	"codebank.dev/checkout/webhook"
	"codebank.dev/checkout/webhook/failpoints"
	"codebank.dev/checkout/webhook/postgres"
	"codebank.dev/platform/failpoint"
	"codebank.dev/platform/id"
)

const (
	// Timeout bounds one try.
	Timeout = 10 * time.Second
	// turn is for how long a job begins new tries. With Timeout it stays below the bound of a job.
	turn = 5 * time.Second
	// atOnce is how many messages are on their way to one endpoint; probing is how many to one that fails.
	atOnce, probing = 8, 1
	// longestBackoff bounds the wait before the next turn of an endpoint that fails.
	longestBackoff = time.Minute
)

// Config is what a Courier works with. All fields but Failpoint are required.
type Config struct {
	Store *postgres.Store
	// Test and Live send to the endpoints of the two modes: they may reach different networks.
	Test, Live *webhook.Sender
	// Now is the clock.
	Now func() time.Time
	// Failpoint is told of the points between durable steps; nil for none.
	Failpoint failpoint.Hook
}

// Stats are what a Courier has done.
type Stats struct {
	// Delivered counts messages that their endpoints have taken, Failed tries that failed, GivenUp messages whose last
	// try has failed.
	Delivered, Failed, GivenUp int64
}

// Courier sends messages. It is safe for concurrent use.
type Courier struct {
	config                     Config
	delivered, failed, givenUp atomic.Int64
}

// New returns a Courier.
func New(config Config) *Courier { return &Courier{config: config} }

// Stats returns what this process has done since its start.
func (c *Courier) Stats() Stats {
	return Stats{Delivered: c.delivered.Load(), Failed: c.failed.Load(), GivenUp: c.givenUp.Load()}
}

// Deliver sends what is due to an endpoint, for a few seconds, and ends its job with complete. What is left then has
// the next job, which waits behind those of other endpoints: so no endpoint keeps others from their messages for
// longer than one turn. A message that was sent and whose outcome could not be stored is sent again.
func (c *Courier) Deliver(ctx context.Context, endpoint id.ID, complete func(context.Context, pgx.Tx) error) error {
	began := c.config.Now()
	target, secrets, err := c.config.Store.Target(ctx, endpoint)
	switch {
	case errors.Is(err, webhook.ErrNoEndpoint), err == nil && !target.Enabled:
		err = c.config.Store.Drop(ctx, endpoint, began)
	case err == nil:
		err = c.turn(ctx, &route{target: target, secrets: secrets, until: began.Add(turn)})
	}
	if err != nil {
		return err
	}
	return c.config.Store.Finish(ctx, endpoint, began.Add(backoff(target.Failures)), complete)
}

// route is where the messages of a turn go.
type route struct {
	target  webhook.Endpoint
	secrets []webhook.Secret
	until   time.Time
}

// turn sends until nothing is due, the time is over, or nothing was taken.
func (c *Courier) turn(ctx context.Context, to *route) error {
	for c.config.Now().Before(to.until) {
		width := atOnce
		if to.target.Failures > 0 {
			width = probing
		}
		due, err := c.config.Store.Due(ctx, to.target.ID, c.config.Now(), width)
		if err != nil || len(due) == 0 {
			return err
		}
		taken, err := c.sendAll(ctx, to, due)
		if err != nil {
			return err
		}
		if taken == 0 {
			return nil
		}
	}
	return nil
}

// sendAll tries each parcel once, all at the same time, and returns how many were taken.
func (c *Courier) sendAll(ctx context.Context, to *route, due []postgres.Parcel) (taken int64, err error) {
	var group sync.WaitGroup
	var delivered atomic.Int64
	failures := make([]error, len(due))
	for i := range due {
		group.Go(func() {
			took, err := c.try(ctx, to, &due[i])
			failures[i] = err
			if took {
				delivered.Add(1)
			}
		})
	}
	group.Wait()
	return delivered.Load(), errors.Join(failures...)
}

// try sends a parcel once and stores what came of it.
func (c *Courier) try(ctx context.Context, to *route, parcel *postgres.Parcel) (taken bool, err error) {
	at := c.config.Now()
	message := webhook.Message{ID: parcel.ID.String(), Payload: parcel.Payload}
	sender := c.config.Live
	if to.target.Mode == payment.Test {
		sender = c.config.Test
	}
	result := sender.Send(ctx, to.target.URL, &message, to.secrets...)
	if ctx.Err() != nil && result.Err != nil {
		return false, ctx.Err() // The end of the program says nothing about the endpoint.
	}
	c.config.Failpoint.At(failpoints.WebhookSent)
	outcome := outcomeOf(&result, parcel.Tries+1, at)
	outcome.Attempt.Number = parcel.Attempts + 1
	if err := c.config.Store.Record(ctx, parcel, &outcome); err != nil {
		return false, err
	}
	c.count(&outcome)
	return result.Delivered(), nil
}

// outcomeOf returns what a result of a try, counted from 1, makes of a delivery.
func outcomeOf(result *webhook.Result, tries int, at time.Time) postgres.Outcome {
	outcome := postgres.Outcome{
		State: webhook.DeliveryFailed, Gone: result.Gone(),
		Attempt: webhook.Attempt{At: at, Status: result.Status, Error: result.Class(), Took: result.Took},
	}
	if result.Delivered() {
		outcome.State = webhook.Delivered
		return outcome
	}
	if wait, again := webhook.NextTry(tries, result.RetryAfter); again && !result.Gone() {
		outcome.State, outcome.NextAt = webhook.DeliveryPending, at.Add(wait)
	}
	return outcome
}

func (c *Courier) count(outcome *postgres.Outcome) {
	if outcome.State == webhook.Delivered {
		c.delivered.Add(1)
		return
	}
	c.failed.Add(1)
	if outcome.State == webhook.DeliveryFailed {
		c.givenUp.Add(1)
	}
}

// backoff returns how long an endpoint that has failed so often is left alone.
func backoff(failures int) time.Duration {
	if failures == 0 {
		return 0
	}
	return min(longestBackoff, time.Second<<min(failures, 6))
}
