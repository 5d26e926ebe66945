// Package failpoints lists the points at which a test can kill the payment gateway while it sends messages to
// merchants' endpoints. Each lies between two durable steps. Package failpoint describes how it works.
package failpoints

import "codebank.dev/platform/failpoint"

// The points, in the order in which an endpoint passes them.
const (
	// WebhookEndpointChanged: a change of an endpoint is committed; the merchant has no answer.
	WebhookEndpointChanged failpoint.Point = "webhook-endpoint-changed"
	// WebhookEventsDispatched: deliveries of events, their jobs and the cursor are committed.
	WebhookEventsDispatched failpoint.Point = "webhook-events-dispatched"
	// WebhookSent: the endpoint has answered; that is not stored.
	WebhookSent failpoint.Point = "webhook-sent"
	// WebhookTried: the outcome of a try is committed.
	WebhookTried failpoint.Point = "webhook-tried"
	// WebhookDropped: deliveries of an endpoint that is off are committed as dropped.
	WebhookDropped failpoint.Point = "webhook-dropped"
	// WebhookTurnEnded: the end of a job and the next one are committed.
	WebhookTurnEnded failpoint.Point = "webhook-turn-ended"
	// WebhookResent: that a delivery is sent again is committed, with its job; the merchant has no answer.
	WebhookResent failpoint.Point = "webhook-resent"
	// WebhookLogCleaned: a part of what is old is deleted.
	WebhookLogCleaned failpoint.Point = "webhook-log-cleaned"
	// WebhookJobsFound: endpoints whose job had been lost have one.
	WebhookJobsFound failpoint.Point = "webhook-jobs-found"
)

// All returns the points.
func All() []failpoint.Point {
	return []failpoint.Point{
		WebhookEndpointChanged, WebhookEventsDispatched, WebhookSent, WebhookTried, WebhookDropped, WebhookTurnEnded, WebhookResent,
		WebhookLogCleaned, WebhookJobsFound,
	}
}
