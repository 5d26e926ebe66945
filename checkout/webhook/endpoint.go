package webhook

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"codebank.dev/checkout/payment"
	"codebank.dev/platform/fault"
	"codebank.dev/platform/id"
)

const (
	// MaxEndpoints is how many endpoints a merchant may have in one mode.
	MaxEndpoints = 16
	// MaxDescription is the most characters of an endpoint's description.
	MaxDescription = 140
	// SecretOverlap is how long the secret from before signs too after a rotation.
	SecretOverlap = 24 * time.Hour
	// FailingFor is how long every try must have failed until an endpoint is disabled.
	FailingFor = 3 * 24 * time.Hour
	// KeepLog is how long a delivery that has ended stays in the log.
	KeepLog = 30 * 24 * time.Hour
)

// DisabledWhy is why an endpoint gets nothing. The texts are stored: append only.
type DisabledWhy string

// The reasons.
const (
	// NotDisabled is that of an enabled endpoint.
	NotDisabled DisabledWhy = ""
	// ByMerchant: the merchant has switched it off.
	ByMerchant DisabledWhy = "MERCHANT"
	// Gone: it answered 410.
	Gone DisabledWhy = "GONE"
	// Failing: every try of FailingFor has failed.
	Failing DisabledWhy = "FAILING"
)

// Endpoint is an address of a merchant that gets his events.
type Endpoint struct {
	ID id.ID
	payment.Owner
	EndpointSettings
	// DisabledWhy is set unless Enabled.
	DisabledWhy DisabledWhy
	// Failures counts failed tries since the last success, FailingSince is the time of the first; zero for none.
	Failures     int
	FailingSince time.Time
	// Version counts what merchants see change, from 1.
	Version              int64
	CreatedAt, ChangedAt time.Time
}

// EndpointSettings are what a merchant chooses.
type EndpointSettings struct {
	URL         string
	Description string
	// Types are the types of events that it gets, sorted, at least one.
	Types   []Type
	Enabled bool
}

// Check returns nil if an endpoint of a mode may have the settings, and sorts the types. The refusals are
// fault.InvalidArgument with the name of the field.
func (s *EndpointSettings) Check(mode payment.Mode) error {
	target, err := ParseTarget(s.URL)
	switch {
	case err != nil:
		return errTarget
	case !isOpenTo(mode, target):
		return errLiveTarget
	}
	if !utf8.ValidString(s.Description) || utf8.RuneCountInString(s.Description) > MaxDescription || slices.ContainsFunc([]rune(s.Description), isControl) {
		return errDescription
	}
	if len(s.Types) == 0 {
		return errTypes
	}
	for _, chosen := range s.Types {
		if !slices.Contains(Types(), chosen) {
			return errTypes
		}
	}
	slices.Sort(s.Types)
	s.Types = slices.Compact(s.Types)
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// Wants reports whether an endpoint gets events of a type.
func (s *EndpointSettings) Wants(t Type) bool { return s.Enabled && slices.Contains(s.Types, t) }

// The refusals.
var (
	errTarget      = fault.Invalid("url", "The URL must be an https address of at most 2000 characters, without user and fragment.")
	errLiveTarget  = fault.Invalid("url", "A live endpoint is at port 443, and its address is no private one.")
	errDescription = fault.Invalid("description", "The description has at most 140 characters, none of them a control character.")
	errTypes       = fault.Invalid("event_types", "Choose one or more of the known event types.")

	// ErrNoEndpoint says that there is no such endpoint.
	ErrNoEndpoint = fault.New(fault.NotFound, "ENDPOINT_NOT_FOUND", "There is no such webhook endpoint.")
	// ErrNoDelivery says that there is no such delivery.
	ErrNoDelivery = fault.New(fault.NotFound, "DELIVERY_NOT_FOUND", "There is no such delivery.")
	// ErrTooManyEndpoints refuses one more than MaxEndpoints.
	ErrTooManyEndpoints = fault.New(fault.FailedPrecondition, "TOO_MANY_ENDPOINTS", "There are 16 webhook endpoints of this mode. Delete one first.")
	// ErrChanged refuses a change of an endpoint that has changed since it was read.
	ErrChanged = fault.New(fault.FailedPrecondition, "ETAG_MISMATCH", "It has been changed since it had this etag.").In("If-Match")
	// ErrDisabled refuses to send to an endpoint that is off.
	ErrDisabled = fault.New(fault.FailedPrecondition, "ENDPOINT_DISABLED", "The webhook endpoint is disabled. Enable it first.")
)

// DeliveryState is where a delivery stands. The numbers are stored: append only.
type DeliveryState uint8

// The states. All but DeliveryPending are final until the delivery is sent again by hand.
const (
	DeliveryPending DeliveryState = iota + 1
	Delivered
	// DeliveryFailed: every try has failed.
	DeliveryFailed
	// Dropped: the endpoint was disabled or deleted first.
	Dropped
)

var deliveryStates = [...]string{"unspecified", "pending", "delivered", "failed", "dropped"}

// String returns the state as merchants read it.
func (s DeliveryState) String() string {
	if int(s) >= len(deliveryStates) {
		s = 0
	}
	return deliveryStates[s]
}

// Delivery is one event for one endpoint, as the log shows it.
type Delivery struct {
	ID       id.ID
	Sequence int64
	Type     Type
	State    DeliveryState
	// NextAt is when it is tried again; zero unless pending.
	NextAt    time.Time
	CreatedAt time.Time
	EndedAt   time.Time // zero while pending
	// Attempts are the tries, the oldest first.
	Attempts []Attempt
}

// Attempt is one try.
type Attempt struct {
	Number int
	At     time.Time
	// Status is that of the answer; 0 if there was none, and then Error says why.
	Status int
	Error  ErrorClass
	Took   time.Duration
}

// messages is the namespace of the ids of deliveries. It never changes.
var messages = id.ID{0x2f, 0x6a, 0x91, 0xd4, 0x3b, 0x07, 0x4e, 0x58, 0x9c, 0x12, 0xe5, 0xf0, 0x6d, 0x8b, 0x44, 0x1e}

// DeliveryID returns the id of the delivery of an event to an endpoint. Every try has it.
func DeliveryID(endpoint id.ID, sequence int64) id.ID {
	return id.Derive(messages, endpoint.String(), strconv.FormatInt(sequence, 10))
}

// endpoints is the namespace of the ids of endpoints. It never changes.
var endpoints = id.ID{0xb8, 0x30, 0x5d, 0x1c, 0xe2, 0x49, 0x4f, 0x63, 0x87, 0xa6, 0x0e, 0x94, 0x7b, 0xd1, 0x25, 0xc9}

// EndpointID returns the id of the endpoint that a request of an owner makes, by its Idempotency-Key. The refusal is
// that of payment.RequestID.
func EndpointID(owner payment.Owner, key string) (id.ID, error) {
	request, err := payment.RequestID(owner, key)
	return id.Derive(endpoints, request.String()), err
}

// Job is the work for one endpoint. There is one job for each at a time.
type Job struct {
	Endpoint id.ID
	// At is when it runs at the latest, when workers are free.
	At time.Time
	// Apart keeps it from the jobs of endpoints that answer.
	Apart bool
}
