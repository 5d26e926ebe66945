package outbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"codebank.dev/bank"
)

// maxDrainPoll is the longest time between two checks whether a mark is drained.
const maxDrainPoll = time.Second

// watermark publishes, again and again while this relay leads, up to which time the topic is
// complete. It marks the outbox, waits until every row up to the mark is deleted, and so
// acknowledged, and publishes the time of the mark.
//
// It runs beside the pipeline and shares only the store with it: no event waits for a watermark. A
// row that is held back, a transaction that stays open or a broker that is away delays the
// watermark, because then the topic is not complete.
func (t *term) watermark(leading context.Context) {
	if t.config.Marker == nil || t.config.Watermarks == nil {
		return
	}
	for {
		mark, err := t.config.Marker.Mark(leading, t.epoch)
		switch {
		case err == nil:
			if !t.awaitDrained(leading, mark) {
				return
			}
			t.publishWatermark(leading, mark)
		case errors.Is(err, bank.ErrNoMark):
			// Another relay leads, which the lease finds out, or the clock was set back and has to
			// catch up.
		case leading.Err() == nil:
			t.relay.storeAway("mark", err)
		}
		if !sleep(leading, t.config.Watermark) {
			return
		}
	}
}

// awaitDrained waits until a mark is drained; false when leading ended first.
func (t *term) awaitDrained(leading context.Context, mark bank.Mark) bool {
	wait := newBackoff(maxDrainPoll)
	for {
		drained, err := t.config.Marker.Drained(leading, mark)
		if err == nil && drained {
			return true
		}
		if err != nil && leading.Err() == nil {
			t.relay.storeAway("drained", err)
		}
		if !sleep(leading, wait.next()) {
			return false
		}
	}
}

// publishWatermark publishes a watermark. After a failure the next mark replaces it. The first
// failure of a series is logged as a warning, and one every ten minutes after that as an error.
func (t *term) publishWatermark(leading context.Context, mark bank.Mark) {
	stats := &t.relay.stats
	err := t.config.Watermarks.PublishWatermark(leading, mark.CompleteTo)
	if err == nil {
		stats.watermarks.Add(1)
		stats.completeTo.Store(mark.CompleteTo.UnixMilli())
		if stats.watermarkFailing.Swap(0) > 0 {
			t.relay.logger.Info("watermarks are published again")
		}
		return
	}
	if leading.Err() != nil {
		return
	}
	stats.watermarkErrors.Add(1)
	level := slog.LevelDebug
	repeat := max(int64(alarmEvery/t.config.Watermark), 1)
	switch failures := stats.watermarkFailing.Add(1); {
	case failures == 1:
		level = slog.LevelWarn
	case failures%repeat == 0:
		level = slog.LevelError
	}
	t.relay.logger.Log(leading, level, "watermark not published; events go on, and readers do not know that they are complete",
		slog.Any("error", err))
}
