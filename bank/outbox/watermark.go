package outbox

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"codebank.dev/bank"
)

// longestLook is the longest time between two looks whether a mark is settled.
const longestLook = time.Second

// watermark tells the readers of the topic, again and again while leading, up to when
// it is complete. It takes note of the outbox, waits until everything noted is
// deleted, which means acknowledged, and publishes the time of the note.
//
// It is beside the pipeline and shares nothing with it but the store: an event never
// waits for a watermark. A row that is held back, a transaction that stays open or a
// broker that is away holds the watermark up, for the topic is not complete then.
func (t *term) watermark(leading context.Context) {
	if t.config.Marker == nil || t.config.Watermarks == nil {
		return
	}
	for {
		mark, err := t.config.Marker.Mark(leading, t.epoch)
		switch {
		case err == nil:
			if !t.awaitSettled(leading, mark) {
				return
			}
			t.announce(leading, mark)
		case errors.Is(err, bank.ErrNoMark):
			// Deposed, which others find out, or the clock was set back: it has to catch up.
		case leading.Err() == nil:
			t.relay.storeAway("mark", err)
		}
		if !pause(leading, t.config.Watermark) {
			return
		}
	}
}

// awaitSettled waits until a mark is settled; false when leading ended first.
func (t *term) awaitSettled(leading context.Context, mark bank.Mark) bool {
	wait := newBackoff(longestLook)
	for {
		settled, err := t.config.Marker.Drained(leading, mark)
		if err == nil && settled {
			return true
		}
		if err != nil && leading.Err() == nil {
			t.relay.storeAway("settled", err)
		}
		if !pause(leading, wait.next()) {
			return false
		}
	}
}

// announce publishes a watermark. One that fails is left to the next mark; the first
// of a series is a warning.
func (t *term) announce(leading context.Context, mark bank.Mark) {
	stats := &t.relay.stats
	err := t.config.Watermarks.PublishWatermark(leading, mark.CompleteTo)
	if err == nil {
		stats.watermarks.Add(1)
		stats.completeTo.Store(mark.CompleteTo.UnixMilli())
		if stats.watermarkFailing.CompareAndSwap(true, false) {
			t.relay.logger.Info("watermarks are published again")
		}
		return
	}
	if leading.Err() != nil {
		return
	}
	stats.watermarkErrors.Add(1)
	level := slog.LevelDebug
	if stats.watermarkFailing.CompareAndSwap(false, true) {
		level = slog.LevelWarn
	}
	t.relay.logger.Log(leading, level, "watermark not published, events are not concerned", slog.Any("error", err))
}
