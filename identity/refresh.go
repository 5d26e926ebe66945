package identity

import "time"

// RefreshGrace is how long a refresh token may be presented again after it was exchanged, because
// two tabs of a browser may present it at once, or an answer may be lost. It is for the direct predecessor
// of the present token only: it ends when the successor is exchanged.
const RefreshGrace = 10 * time.Second

// Refreshing is what the store knows of a refresh token that is presented.
type Refreshing struct {
	Session Session
	// Ended says that the session has ended.
	Ended bool
	// RotatedAt is when the token was exchanged; zero if it was not.
	RotatedAt time.Time
	// SuccessorRotated says that the successor of the token was exchanged as well.
	SuccessorRotated bool
}

// RefreshOutcome is what becomes of a refresh token.
type RefreshOutcome int

// The outcomes.
const (
	// RefreshRefused: the session has ended or expired.
	RefreshRefused RefreshOutcome = iota
	// RefreshRotated: the token is exchanged for a new successor.
	RefreshRotated
	// RefreshRepeated: the token was exchanged a moment ago, and its successor was not; the answer is the
	// same successor.
	RefreshRepeated
	// RefreshStolen: the token was exchanged before. Either this caller or the one before is a
	// thief, and nobody knows who: the session ends.
	RefreshStolen
)

// DecideRefresh returns what becomes of a refresh token that is presented now.
func DecideRefresh(known Refreshing, now time.Time) RefreshOutcome {
	switch {
	case known.Ended || !now.Before(known.Session.ExpiresAt):
		return RefreshRefused
	case known.RotatedAt.IsZero():
		return RefreshRotated
	case !known.SuccessorRotated && now.Sub(known.RotatedAt) <= RefreshGrace:
		return RefreshRepeated
	default:
		return RefreshStolen
	}
}
