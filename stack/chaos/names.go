package chaos

// What is judged beside the invariants I1 to I18, each with a line of its own.
const (
	errorClasses = "error classes"
	overload     = "overload"
	deadLetters  = "dead letters"
	watermarks   = "watermarks"
	noBroker     = "no broker"
)
