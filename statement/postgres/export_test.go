package postgres

// The queries whose plans are tested.
const (
	SelectAhead = selectAhead
	SelectHolds = selectHolds
	SelectLines = selectLines
)

// LineOf reads a row of SelectLines.
var LineOf = lineOf
