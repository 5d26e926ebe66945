package postgres

// The queries whose plans are tested.
const (
	Boundary    = boundary
	SelectAhead = selectAhead
	SelectHolds = selectHolds
	SelectLines = selectLines
	SetReader   = setReader
)

// SelectByKey reads a line by its primary key.
const SelectByKey = lineColumns + `0::bigint FROM statement_lines AS line WHERE event_id = $1`

// LineOf reads a row of SelectLines.
var LineOf = lineOf
