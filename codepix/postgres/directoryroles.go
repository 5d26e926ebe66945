package postgres

import (
	"maps"
	"regexp"

	"codebank.dev/platform/database"
)

// directoryRights are what the program does with the tables of the directory. It never changes whose a request or a
// claim is, nor what a request has made.
var directoryRights = database.Needs{
	"pix_keys":       "SELECT INSERT DELETE UPDATE(state,holder_name,holder_document,created_at)",
	"pix_claims":     "SELECT INSERT UPDATE(state,claimer_name,claimer_document,donor_bank,donor_account,donor_name,donor_document,donor_proved,resolve_at)",
	"pix_codes":      "SELECT INSERT DELETE UPDATE(requested_at,hash,expires_at,attempts,used,sent,tries,next_try_at)",
	"pix_code_sends": "SELECT INSERT DELETE UPDATE(since,count)",
	"pix_requests":   "SELECT INSERT",
	"pix_tallies":    "SELECT INSERT UPDATE(key_id,count,digest)",
	"pix_buckets":    "SELECT INSERT DELETE UPDATE(level,at)",
}

var namedColumns = regexp.MustCompile(`\([^)]*\)`)

// withDirectory adds the rights in the directory to others.
func withDirectory(others database.Needs) database.Needs {
	maps.Copy(others, directoryRights)
	return others
}

// needingDirectory adds what calls need in the directory to other needs, which name no columns.
func needingDirectory(others database.Needs) database.Needs {
	for table, rights := range directoryRights {
		others[table] = namedColumns.ReplaceAllString(rights, "")
	}
	return others
}
