package outbox

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"codebank.dev/bank"
)

// round counts the checks for alarms and for rows to try again. A term measures its long waits in
// rounds.
type round int

const (
	// roundInterval is the time between two rounds.
	roundInterval = 5 * time.Second
	// firstAlarm is how long an account may wait before the log names it as an error, and
	// repeatAlarm how often the log repeats that.
	firstAlarm  = round(time.Minute / roundInterval)
	repeatAlarm = round(alarmEvery / roundInterval)
	alarmEvery  = 10 * time.Minute
	// maxAlarms limits the accounts that one round names.
	maxAlarms = 20
)

// alarm names the accounts that have waited for long.
func (t *term) alarm() {
	named := 0
	for account, held := range t.sequences.heldBack {
		if t.round < held.alarm || held.oversized || named == maxAlarms {
			continue
		}
		held.alarm = t.round + repeatAlarm
		t.logHeld(slog.LevelError, account, held)
		named++
	}
	for id, row := range t.oversized {
		if row.state != refused && t.round >= row.alarm && named < maxAlarms {
			row.alarm = t.round + repeatAlarm
			t.logOversized(id, row)
			named++
		}
	}
}

// logHeld says which events of an account are missing, and how to make them again.
func (t *term) logHeld(level slog.Level, account bank.ID, held *heldAccount) {
	t.relay.logger.Log(context.Background(), level,
		"event held back because its predecessor is missing; no watermark is published until the remedy is run",
		slog.String("account_id", account.String()), slog.Int64("sequence", held.next), slog.Int64("last_sent", held.last),
		slog.Int("events", len(held.ids)),
		slog.String("remedy", fmt.Sprintf("bankctl republish --account %s --from %d --to %d", account, held.last+1, held.next-1)))
}
