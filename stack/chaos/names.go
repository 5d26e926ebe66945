package chaos

// The names of the results that are not of an invariant I1 to I18. Each has a line of its own in the report.
const (
	errorClasses    = "error classes"
	overload        = "overload"
	deadLetters     = "dead letters"
	watermarks      = "watermarks"
	noBroker        = "no broker"
	transfersWhole  = "transfers"
	holdsEnd        = "holds"
	commandsEnd     = "commands"
	acceptedKept    = "accepted"
	commandSums     = "sums"
	noBrokerForLong = "broker away"
	chargesKept     = "charges accepted"
	chargesDecided  = "charges decided"
	chargeSums      = "charge sums"
	chargesAtBank   = "charges at the bank"
	eventsFollow    = "live feed"
	hooksCome       = "webhooks"
)
