package chaos

// Names of results besides the invariants I1 to I18. Each has a line of its own in the report.
const (
	errorClasses = "error classes"
	overload     = "overload"
	deadLetters  = "dead letters"
	watermarks   = "watermarks"
	noBroker     = "no broker"
)
